import { expect } from 'chai';
import { temporaryFolder, tinyGrid } from './testing/tiny.js';
import { fewest, measuredWorkers } from './throughput.js';

describe('runs at a time', () => {
  const folder = temporaryFolder();

  it('are as many as do most, and no more than that needs', () => {
    const measured = (rates: number[]) => rates.map((imagesPerSecond, i) => ({ workers: 2 ** i, imagesPerSecond }));
    expect(fewest(measured([100, 190, 310]))).to.equal(4);
    expect(fewest(measured([100, 190, 191]))).to.equal(2);
    expect(fewest(measured([100, 190, 120]))).to.equal(2);
    expect(fewest(measured([100, 99]))).to.equal(1);
  });

  it('are measured by steps of the network', async () => {
    const said: string[] = [];
    const options = { memory: 0.1, log: (line: string) => said.push(line), span: 20 };
    const workers = await measuredWorkers(folder('results'), tinyGrid('two', [1]), options);
    expect(said).to.have.length(workers === 1 && said.length === 0 ? 0 : 1);
    for (const line of said)
      expect(line).to.match(/^Images a second by runs at a time: 1: \d+, .*; so \d+ runs? at a time$/);
  });

  it('are what cores allow where the network cannot be measured, which is told', async () => {
    const said: string[] = [];
    const grid = tinyGrid('two', [1], { data: { name: 'folder', folder: 'photos' } });
    await measuredWorkers(folder('results'), grid, { memory: 0.1, log: (line) => said.push(line) });
    for (const line of said) expect(line).to.include('cost of folder is not known');
  });
});
