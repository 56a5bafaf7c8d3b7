import { expect } from 'chai';
import { loadingChart, ratesCsv, ratesOf, toSvg } from './chart.js';
import type { Row } from './protocol.js';

const epoch = (images: number) => ({ images, milliseconds: 1000, cpuMilliseconds: 1, memoryBytes: 1 });
const row = (contestant: string, workers: number, ...rounds: number[]): Row => ({
  mode: workers % 2 ? 'train' : 'eval',
  ...{ workers, contestant, rounds: rounds.map(epoch) },
});

describe('the chart of the loading benchmark', () => {
  const rates = ratesOf([row('Loader', 1, 90, 110, 100), row('Loader', 2, 200), row('torchvision, "PIL"', 2, 80)]);

  it('has the median, the least and the largest of the rounds', () => {
    expect(rates[0]).to.deep.equal({
      ...{ transform: 'train', workers: 1, loader: 'Loader', imagesPerSecond: 100, low: 90, high: 110 },
    });
    expect(ratesCsv(rates).split('\n').slice(0, 2)).to.deep.equal([
      'transform,workers,loader,imagesPerSecond,low,high',
      '"train",1,"Loader",100,90,110',
    ]);
  });

  it('is drawn with each loader in its legend', async () => {
    const svg = await toSvg(loadingChart(rates));
    for (const text of ['>Loader<', 'torchvision', 'images a second', '>workers<', '>train<', '>eval<']) {
      expect(svg).to.contain(text);
    }
    expect(svg).not.to.contain('NaN');
  });
});
