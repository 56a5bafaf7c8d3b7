import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compile } from 'vega-lite';
import { toSvg } from '../chart.js';
import { exportChart } from '../exportChart.js';
import { expectSnapshot } from '../testing/snapshot.js';
import { redundancyChart, scaledByLayer } from './heatMap.js';
import { isolines, landscapeChart, sliceChart, surfaceChart } from './landscape.js';
import { classChart, confusionChart, reliabilityChart } from './predictions.js';
import { epsChart } from './robustness.js';
import { stylesOf } from './style.js';
import { type GainRow, gainsChart, trainingChart } from './training.js';

/** A bowl: the loss is 4·(x² + y²), so that a line of level l is a circle of radius √l / 2. */
const steps = Array.from({ length: 21 }, (_, i) => Number((-1 + i / 10).toFixed(1)));
const bowl = {
  name: 'bowl <b>',
  points: steps.flatMap((y) => steps.map((x) => ({ x, y, loss: 4 * (x * x + y * y), top1: 0.5 }))),
};
const cells = ['W_b', 'W_t'].flatMap((panel) =>
  [0, 1, 2, 3].map((i) => ({ panel, row: i >> 1, column: i % 2, value: i / 3 })),
);
const epochs = [1, 2].flatMap((epoch) =>
  ['baseline <b>', 'refconv'].flatMap((curve) => [
    { curve, epoch, value: 50, low: 49, high: 51, runs: 3 },
    { curve, run: '1', epoch, value: 49 },
  ]),
);
const gains = [{ network: 'a', arm: 'refconv', gain: 1, low: 0.5, high: 1.5, pairs: 3, paper: 1.2 }];

const charts = {
  redundancy: redundancyChart(cells),
  landscape: landscapeChart([bowl]),
  surface: surfaceChart(bowl),
  slice: sliceChart([bowl]),
  training: trainingChart(epochs, 'test accuracy, %'),
  gains: gainsChart(gains),
  robustness: epsChart(
    [0, 1, 8].flatMap((eps) =>
      ['baseline <b>', 'refconv'].map((curve) => ({ curve, eps, value: 50 - eps, low: 45, high: 55, images: 9 })),
    ),
    'accuracy under attack, %',
    { zero: true },
  ),
  gainsOfArms: gainsChart([...gains, { network: 'a', arm: 'wn <b>', gain: -0.2, pairs: 1 }]),
  reliability: reliabilityChart([
    { run: 'baseline <b>', confidence: 0.25, accuracy: 0.5, count: 4 },
    { run: 'baseline <b>', confidence: 0.75, accuracy: 0.8, count: 5 },
  ]),
  classes: classChart([{ run: 'baseline', class: 'cat <b>', top1: 50, images: 4 }]),
  confusion: confusionChart(
    ['cat <b>', 'dog'].flatMap((label) =>
      ['cat <b>', 'dog'].map((prediction) => ({
        label,
        prediction,
        share: label === prediction ? 0.75 : 0.25,
        count: 3,
      })),
    ),
  ),
};

describe('the charts', () => {
  for (const [name, chart] of Object.entries(charts)) {
    it(`draw ${name} without a warning, and escape names`, async () => {
      const warnings: unknown[] = [];
      const warn = (...messages: unknown[]) => {
        warnings.push(...messages);
        return logger;
      };
      const logger = { level: () => logger, error: warn, warn, info: () => logger, debug: () => logger };
      compile(chart, { logger: logger as never });
      expect(warnings).to.deep.equal([]);
      const svg = await toSvg(chart);
      expect(svg)
        .to.match(/^<svg /)
        .and.not.contain('<b>')
        .and.not.match(/NaN|undefined|null/);
    });
  }

  for (const [name, chart] of Object.entries(charts)) {
    // The bowl's thousands of values would hide what the snapshot is of.
    if (['landscape', 'surface', 'slice'].includes(name)) continue;
    it(`are specified as before: ${name}`, () => expectSnapshot(name, chart));
  }

  it('have a scale for each layer where these differ by orders of magnitude, and for all where not', async () => {
    const ofLayers = (second: number) =>
      ['a', 'b'].flatMap((layer) =>
        cells.map((cell) => ({
          ...{ ...cell, layer, panel: `${layer} ${cell.panel}` },
          value: layer === 'a' ? cell.value : second * cell.value,
        })),
      );
    expect([scaledByLayer(ofLayers(9)), scaledByLayer(ofLayers(11)), scaledByLayer(ofLayers(0.09))]).to.deep.equal([
      false,
      true,
      true,
    ]);
    const legends = async (second: number) =>
      (await toSvg(redundancyChart(ofLayers(second)))).match(/>KL, nats</g)?.length;
    expect([await legends(1), await legends(100)]).to.deep.equal([1, 2]);
  });

  it('have the names of arms whole', async () => {
    const arm = 'batch norm frozen, W_r zero, rate × 0.1';
    expect(await toSvg(gainsChart([{ ...gains[0], arm } as GainRow, ...gains]))).to.contain(`>${arm}</text>`);
  });

  it('stay as wide as a page where a name is absurdly long', async () => {
    const name = 'x'.repeat(5000);
    const named = [
      gainsChart([{ network: name, arm: name, gain: 1, pairs: 1 }, ...gains]),
      trainingChart(
        epochs.map((row) => ({ ...row, curve: `${name} ${row.curve}` })),
        name,
      ),
    ];
    for (const chart of named) {
      const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(await toSvg(chart)) as unknown as [
        string,
        string,
        string,
      ];
      expect(Math.max(Number(width), Number(height))).to.be.below(2500);
    }
  });

  it('show what is larger as darker, whatever it is', () => {
    for (const [name, chart] of Object.entries(charts))
      for (const [scale] of JSON.stringify(chart).matchAll(/{[^{}]*"scheme"[^{}]*}/g))
        expect(JSON.parse(scale), name).to.include({ scheme: 'viridis', reverse: true });
  });

  it('have whole epochs on their axis, of a single one too', async () => {
    const svg = await toSvg(trainingChart([{ curve: 'a', epoch: 1, value: 50 }], 'accuracy'));
    const [, axis = ''] = /aria-label="X-axis titled 'epoch'[^"]*with values from ([^"]*)"/.exec(svg) ?? [];
    expect(axis, svg.slice(0, 2000)).to.equal('0.5 to 1.5');
    expect(svg)
      .to.match(/>1<\/text>/)
      .and.not.match(/>(0\.\d|1\.\d)<\/text>/);
  });

  it('have enough colours, dashes and shapes for ten arms, no two of them the same', () => {
    const arms = Array.from({ length: 10 }, (_, i) => `arm ${i}`);
    const { color, strokeDash, shape } = stylesOf(arms, 'arm');
    const looks = arms.map((_, i) => JSON.stringify([color, strokeDash, shape].map(({ scale }) => scale.range[i])));
    expect(new Set(looks).size).to.equal(10);
  });

  it('have isolines where the losses are, and none along the border', () => {
    const circle = isolines(bowl, [1]);
    expect(new Set(circle.map(({ line }) => line)).size).to.equal(1);
    for (const { x, y } of circle) expect(Math.hypot(x, y)).to.be.closeTo(0.5, 0.01);
    // A radius of 1.2 leaves four arcs in the corners.
    const arcs = isolines(bowl, [5.76]);
    for (const { x, y } of arcs) expect(Math.hypot(x, y)).to.be.closeTo(1.2, 0.01);
  });

  it('refuse a landscape with holes, and contours of a slice', () => {
    const holes = { ...bowl, points: bowl.points.slice(1) };
    expect(() => landscapeChart([holes])).to.throw(/is not whole: 440 of 441 points/);
    const slice = { ...bowl, points: bowl.points.filter(({ y }) => y === 0) };
    expect(() => isolines(slice)).to.throw(/is a slice; it has no contours/);
  });

  it('become files, with their data', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'refconv-charts-'));
    try {
      await exportChart(folder, 'gains', charts.gains, gains);
      const extensions = ['csv', 'pdf', 'png', 'svg', 'vl.json'];
      expect((await readdir(folder)).sort()).to.deep.equal(extensions.map((extension) => `gains.${extension}`));
      expect(await readFile(join(folder, 'gains.csv'), 'utf8')).to.equal(
        'network,arm,gain,low,high,pairs,paper\na,refconv,1,0.5,1.5,3,1.2\n',
      );
      expect((await readFile(join(folder, 'gains.pdf'))).subarray(0, 5).toString()).to.equal('%PDF-');
      const drawn = async () => (await stat(join(folder, 'gains.png'))).mtimeMs;
      const first = await drawn();
      await exportChart(folder, 'gains', charts.gains, gains);
      expect(await drawn(), 'the same chart is not drawn anew').to.equal(first);
      await exportChart(folder, 'gains', charts.gainsOfArms, gains);
      expect(await drawn()).to.be.greaterThan(first);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
