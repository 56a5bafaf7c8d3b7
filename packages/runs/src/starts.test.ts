/** Runs whose baseline was trained again: what says so, and what leaves them out. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readResult, runFolder } from './folder.js';
import { planGrid } from './grid.js';
import { writeTables } from './launch.js';
import { readLedger } from './ledger.js';
import { runQueue } from './queue.js';
import type { Result } from './result.js';
import { otherStarts } from './starts.js';
import { tableOf } from './table.js';
import { firstRuns, temporaryFolder, tinyGrid } from './testing/tiny.js';

describe('a run and the weights that it started from', () => {
  const at = temporaryFolder();
  const grid = firstRuns(tinyGrid('starts', [1]), 2);
  const [baseline, refconv] = Object.keys(grid.runs) as [string, string];
  const quiet = { log: () => {}, workers: 1 };
  const root = () => at('root');
  const change = async (hash: string, changes: Partial<Result>) => {
    const path = join(runFolder(root(), hash), 'result.json');
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }));
  };

  before(async () => {
    await planGrid(root(), grid);
    await runQueue(root(), grid, quiet);
  });

  it('are said in its result, and no run is left out', async () => {
    const [start, result] = [await readResult(root(), baseline), await readResult(root(), refconv)];
    expect(result?.startWeights).to.equal(start?.weights).and.be.a('string');
    expect(start).not.to.have.property('startWeights');
    expect([...(await otherStarts(root(), grid))]).to.deep.equal([]);
    expect((await tableOf(root(), grid)).map(({ n }) => n)).to.deep.equal([1, 1]);
  });

  it('are compared with those that are there now: after another training of the start it is in no comparison', async () => {
    await change(baseline, { weights: '0'.repeat(64), top1: 0.25 });
    const lines: string[] = [];
    await runQueue(root(), grid, { ...quiet, log: (line) => lines.push(line) });
    // Also the ledger has what its result says now.
    expect(lines.join()).to.match(/had a row of an earlier run/);
    expect((await readLedger(root())).find(({ hash }) => hash === baseline)?.top1).to.equal('0.25');
    expect([...(await otherStarts(root(), grid)).keys()]).to.deep.equal([refconv]);
    expect((await tableOf(root(), grid)).map(({ n }) => n)).to.deep.equal([1, 0]);
    expect(await writeTables(root(), grid)).to.match(/started from another training of .*: move its folder away/);
    await rm(runFolder(root(), refconv), { recursive: true });
    await runQueue(root(), grid, quiet);
    expect((await tableOf(root(), grid)).map(({ n }) => n)).to.deep.equal([1, 1]);
  });

  it('are unknown of results that do not say them, which are compared as before', async () => {
    await change(refconv, { startWeights: undefined });
    await change(baseline, { weights: '1'.repeat(64) });
    expect([...(await otherStarts(root(), grid))]).to.deep.equal([]);
  });
});
