/** What is published of a grid, and any of its runs again. */
import { cp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readResult, runFolder } from './folder.js';
import { type Grid, GridBuilder, planGrid } from './grid.js';
import { writeTables } from './launch.js';
import { readLedger } from './ledger.js';
import { placeOf } from './place.js';
import { publish } from './publish.js';
import { runQueue } from './queue.js';
import { agrees, type Rerun, rerun, rerunText } from './rerun.js';
import type { Spec } from './spec.js';
import { essence, firstRuns, NOTES, temporaryFolder, tinyGrid } from './testing/tiny.js';

/** For each seed a baseline, and RefConv that starts from it. */
function pairs(name: string, seeds: readonly number[]): Grid {
  const { rows: all, runs, ...grid } = tinyGrid(name, seeds);
  const rows = all.filter(({ arm }) => arm !== 'wn');
  return { ...grid, rows, runs: Object.fromEntries(rows.map(({ hash }) => [hash, runs[hash] as Spec])) };
}

describe('publishing', () => {
  const at = temporaryFolder();
  const grid = pairs('tiny', [1, 2]);
  const quiet = { log: () => {}, workers: 2 };
  const [baseline, refconv] = grid.rows.map(({ hash }) => hash) as [string, string];
  const [root, published] = [() => at('runs'), () => at('published')];

  before(async () => {
    await planGrid(root(), grid);
    await runQueue(root(), grid, quiet);
    await writeTables(root(), grid);
    expect(await publish(root(), 'tiny', published())).to.deep.equal({ runs: 4, left: [], omitted: [] });
  });

  it('keeps specs, results, metrics and tables, and neither weights nor what only tells about the machine', async () => {
    expect((await readdir(runFolder(published(), refconv))).sort()).to.deep.equal([
      'metrics.csv',
      'result.json',
      'spec.json',
    ]);
    const withoutHost = (rows: ReturnType<typeof essence>) => rows.map(({ host: _, ...row }) => row);
    const [ours, theirs] = [await readLedger(root()), await readLedger(published())];
    expect(withoutHost(essence(theirs))).to.deep.equal(withoutHost(essence(ours)));
    for (const file of ['table.md', 'table.csv']) {
      const read = (folder: string) => readFile(join(folder, 'grids', 'tiny', file), 'utf8');
      expect(await read(published()), file).to.equal(await read(root()));
    }
    const environment = (await readResult(published(), refconv))?.environment;
    expect(environment).to.include({ host: '', commit: (await readResult(root(), refconv))?.environment.commit });
  });

  it('adds to what is there, and says what is not finished', async () => {
    const more = pairs('more', [1, 3]);
    await planGrid(root(), more);
    const left = more.rows.filter(({ seed }) => seed === 3).map((row) => `(${placeOf(row)})`);
    expect(await publish(root(), 'more', published())).to.deep.equal({ runs: 2, left, omitted: [] });
    expect(await readdir(join(published(), 'grids'))).to.have.members(['tiny', 'more']);
    expect(await readLedger(published())).to.have.lengthOf(4);
  });

  it('keeps the models that unfinished trainings start from where that is asked for, and no longer than they are needed', async () => {
    const grid = pairs('begun', [1, 4]);
    const from = grid.rows[2]?.hash as string;
    const elsewhere = at('elsewhere');
    await planGrid(root(), grid);
    await runQueue(root(), firstRuns(grid, 3), quiet);
    const options = { models: true };
    expect((await publish(root(), 'begun', elsewhere, options)).left).to.deep.equal(
      grid.rows.slice(3).map((row) => `(${placeOf(row)})`),
    );
    const models = async () =>
      (await readdir(join(elsewhere, 'runs'), { recursive: true })).filter((file) => file.endsWith('weights.bin'));
    expect(await models()).to.deep.equal([join(from, 'model', 'weights.bin')]);
    expect((await runQueue(elsewhere, grid, quiet)).left).to.equal(0);
    await runQueue(root(), grid, quiet);
    const weights = async (folder: string) => (await readResult(folder, grid.rows[3]?.hash as string))?.weights;
    expect(await weights(elsewhere)).to.equal(await weights(root()));
    await rm(join(elsewhere, 'runs', grid.rows[3]?.hash as string), { recursive: true });
    await publish(root(), 'begun', elsewhere, options);
    expect((await models()).filter((file) => file.startsWith(from))).to.deep.equal([]);
  });

  it('replaces neither runs that were done where it is to publish, nor another grid of the name', async () => {
    const refused = (folder: string) =>
      publish(root(), 'tiny', folder).then(
        () => '',
        (error: Error) => error.message,
      );
    const weights = join(runFolder(root(), baseline), 'model', 'weights.bin');
    const before = await readFile(weights);
    await symlink(root(), at('link'));
    for (const same of [root(), `${root()}/.`, at('link')])
      expect(await refused(same)).to.match(/is the folder that the runs are in: give --to another/);
    await cp(root(), at('copied'), { recursive: true });
    expect(await refused(at('copied'))).to.match(/was done in that folder.*; nothing is replaced/);
    expect(await readFile(weights)).to.deep.equal(before);
    const other = pairs('tiny', [7]);
    await planGrid(at('other'), other);
    await publish(at('other'), 'tiny', at('others'));
    expect(await refused(at('others'))).to.match(/The grid tiny is there already with other settings/);
  });

  it('keeps a model that another grid in the folder needs, and takes the one that an analysis looks at', async () => {
    const [, { hash, ...row }] = grid.rows as [object, Grid['rows'][number]];
    const analysed = new GridBuilder({ ...NOTES, name: 'analysed' });
    for (const each of grid.rows.slice(0, 2)) analysed.add(each.network, each.arm, grid.runs[each.hash] as Spec);
    const spec = { ...(grid.runs[hash] as Spec), from: hash, analysis: { id: 'skeletons' } } as const;
    analysed.add(row.network, 'skeletons', spec);
    await planGrid(root(), analysed.build());
    const to = at('kept');
    await publish(root(), 'analysed', to, { models: true });
    const models = async () =>
      (await readdir(join(to, 'runs'), { recursive: true })).filter((file) => file.endsWith('weights.bin')).sort();
    const needed = [join(baseline, 'model', 'weights.bin'), join(hash, 'model', 'weights.bin')].sort();
    expect(await models()).to.deep.equal(needed);
    await publish(root(), 'tiny', to);
    expect(await models()).to.deep.equal(needed);
    expect((await runQueue(to, analysed.build(), quiet)).done).to.equal(3);
  });

  it('lets any run be done again, after those that it starts from, bit-equal on the same machine', async () => {
    const lines: string[] = [];
    const told = { workers: 1, log: (line: string) => lines.push(line), every: 20 };
    const again = await rerun(published(), refconv.slice(0, 12), at('again'), told);
    expect(lines.join('\n')).to.match(/, seed 1 \([0-9a-f]{12}\): epoch 1\/2, top-1 [\d.]+ %, \d+ s left$/m);
    expect(again).to.include({ hash: refconv, equal: true, sameMachine: true });
    expect(again.again.weights).to.equal((await readResult(root(), refconv))?.weights);
    expect(agrees(again)).to.equal(true);
    expect(rerunText(again)).to.contain('equal to the last bit').and.not.contain('nothing was trained');
    const once = await rerun(published(), refconv, at('again'), quiet);
    expect(rerunText(once)).to.contain('nothing was trained now: --results with an empty folder');
    expect((await readdir(join(at('again'), 'runs'))).sort()).to.deep.equal([baseline, refconv].sort());
  });

  it('tells what is not equal: a fault here, and on another processor the spread of the seeds', async () => {
    const path = join(runFolder(published(), baseline), 'result.json');
    const result = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...result, weights: '0'.repeat(64) }));
    const here = await rerun(published(), baseline, at('again'), quiet);
    expect([here.equal, here.sameMachine, agrees(here)]).to.deep.equal([false, true, false]);
    expect(rerunText(here)).to.contain('NOT EQUAL');
    const elsewhere: Rerun = { ...here, sameMachine: false, deviation: 0.01 };
    const top1 = (by: number) =>
      agrees({ ...elsewhere, again: { ...here.again, top1: (here.published.top1 as number) + by } });
    expect([top1(0.029), top1(-0.031)]).to.deep.equal([true, false]);
    expect(agrees({ ...elsewhere, deviation: undefined })).to.equal(undefined);
  });

  it('refuses a hash that is none, that several have, and a spec that was changed', async () => {
    const refused = async (start: string) =>
      rerun(published(), start, at('again'), quiet).then(
        () => '',
        (error: Error) => error.message,
      );
    expect(await refused('xyz')).to.match(/No run of .* has a hash that begins with 'xyz'/);
    expect(await refused('')).to.match(/4 runs of .* have a hash/);
    const nowhere = rerun(at('nowhere'), baseline, at('again'), quiet).catch((error: Error) => error.message);
    expect(await nowhere).to.match(/There is no folder .*nowhere/);
    const path = join(runFolder(published(), refconv), 'spec.json');
    const spec = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...spec, seed: 9 }));
    expect(await refused(refconv)).to.match(/is the spec of another run/);
  });
});
