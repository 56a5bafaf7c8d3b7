/** Results of earlier versions are read, and neither gone on with nor mixed. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execute } from './execute.js';
import { json, RESULT, runFolder, SPEC } from './folder.js';
import { type Grid, planGrid, readGrid, writeGrid } from './grid.js';
import { launch, writeTables } from './launch.js';
import { readLedger, rebuildLedger } from './ledger.js';
import { hashOfSpec, RESULTS_VERSION, type Spec } from './spec.js';
import { gridStatus } from './status.js';
import { tableFrom } from './table.js';
import { resultFor } from './testing/result.js';
import { temporaryFolder, tinyGrid } from './testing/tiny.js';

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: Error) => error.message,
  );

/** A grid as code of results version 1 planned it. */
function older(grid: Grid): Grid {
  const renamed = new Map<string, string>();
  const runs = Object.entries(grid.runs).map(([hash, spec]): [string, Spec] => {
    const from = spec.from && (renamed.get(spec.from) as string);
    const old = { ...spec, resultsVersion: 1, from };
    renamed.set(hash, hashOfSpec(old));
    return [hashOfSpec(old), old];
  });
  const rows = grid.rows.map((row) => ({ ...row, hash: renamed.get(row.hash) as string }));
  return { ...grid, rows, runs: Object.fromEntries(runs) };
}

async function finish(root: string, hash: string, spec: Spec, top1: number): Promise<void> {
  const folder = runFolder(root, hash);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, SPEC), json(spec));
  await writeFile(join(folder, RESULT), json({ ...resultFor(hash, spec), top1 }));
}

describe('the results’ version', () => {
  const at = temporaryFolder();
  const grid = older(tinyGrid('old', [1, 2]));
  const hashes = Object.keys(grid.runs);

  it('of new plans is this code’s', () => {
    for (const { resultsVersion } of Object.values(tinyGrid('new', [1]).runs))
      expect(resultsVersion).to.equal(RESULTS_VERSION);
    expect(RESULTS_VERSION).to.be.above(1);
  });

  it('stands beside what an earlier one left, which is read', async () => {
    const root = at('whole');
    await writeGrid(root, grid);
    for (const [i, [hash, spec]] of Object.entries(grid.runs).entries()) await finish(root, hash, spec, 0.5 + i / 100);
    await rebuildLedger(root);
    const read = await readGrid(root, 'old');
    expect((await gridStatus(root, read)).map(({ state }) => state.state)).to.deep.equal(hashes.map(() => 'done'));
    expect((await readLedger(root)).map((row) => row.results_version)).to.deep.equal(hashes.map(() => '1'));
    expect(await writeTables(root, read))
      .to.contain('Results version 1.')
      .and.contain('| refconv | 2 |');
    // Finished runs are given back, and a grid that is finished has nothing to do.
    const [hash] = hashes as [string];
    expect(await execute(root, grid.runs[hash] as Spec)).to.have.property('hash', hash);
    await planGrid(root, read);
    await launch(root, read, { launcher: 'local', workers: 1 });
  });

  it('of runs that are not finished must be this code’s', async () => {
    const root = at('begun');
    await writeGrid(root, grid);
    const [hash] = hashes as [string];
    const reason =
      /was planned with results version 1, and this code makes version \d+: docs\/experiments\.md .*plan it anew/;
    for (const launcher of ['local', 'slurm'] as const) {
      expect(await messageOf(launch(root, grid, { launcher })))
        .to.match(reason)
        .and.contain('The grid old');
    }
    expect(await messageOf(execute(root, grid.runs[hash] as Spec, { log: () => {} }))).to.match(reason);
    // Nothing is marked as failed: the code of then can go on.
    for (const each of hashes) expect(existsSync(join(runFolder(root, each), 'failure.json'))).to.equal(false);
  });

  it('is one of a table’s runs, and of a run and the one that it starts from', async () => {
    const now = tinyGrid('now', [1]);
    const mixed = { ...now, rows: [...now.rows, ...grid.rows], runs: { ...now.runs, ...grid.runs } };
    expect(() => tableFrom(mixed, [])).to.throw(`The grid now mixes results of the versions 1 and ${RESULTS_VERSION}`);
    const root = at('mixed');
    const [from] = hashes as [string];
    await finish(root, from, grid.runs[from] as Spec, 0.5);
    const spec = { ...(Object.values(now.runs)[1] as Spec), from };
    expect(await messageOf(execute(root, spec, { log: () => {} }))).to.match(
      /with the one that it starts from mixes results of the versions 1 and/,
    );
  });
});
