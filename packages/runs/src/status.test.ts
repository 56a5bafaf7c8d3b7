import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Lock, tryLock } from '@refconv/files';
import { isCheckpoint } from '@refconv/training/checkpoint';
import { expect } from 'chai';
import { cancelRuns, cleanRuns, retryRuns } from './control.js';
import { json, LOCK, markFailed, prepareRun, RESULT, runFolder, stateOf } from './folder.js';
import { type Grid, writeGrid } from './grid.js';
import type { Spec } from './spec.js';
import { gridStatus, isSettled, statusText } from './status.js';
import { resultFor, resultOf } from './testing/result.js';
import { temporaryFolder, tinyGrid } from './testing/tiny.js';

const METRICS = 'epoch,step,learning_rate,train_loss,test_loss,test_top1,seconds\n';

describe('the status', () => {
  const at = temporaryFolder();
  const locks: Lock[] = [];
  afterEach(async () => {
    for (const lock of locks.splice(0)) await lock.release();
  });

  /** Seed 1: baseline done, refconv running, wn waiting; seed 2: baseline failed, wn cancelled; seed 3: baseline waiting after its first epoch. */
  async function scene(name: string): Promise<{ root: string; grid: Grid; hashes: string[] }> {
    const root = at(name);
    const grid = tinyGrid(name, [1, 2, 3]);
    await writeGrid(root, grid);
    const hashes = Object.keys(grid.runs);
    const folders = await Promise.all(hashes.map((hash) => prepareRun(root, hash, grid.runs[hash] as Spec)));
    const [base1, refconv1, , , , wn2, base3] = folders as string[];
    const [first] = hashes as [string];
    await writeFile(join(base1 as string, RESULT), json(resultFor(first, grid.runs[first] as Spec)));
    for (const step of [2, 4]) await writeFile(join(base1 as string, `step-000000000${step}.safetensors`), '');
    locks.push((await tryLock(join(refconv1 as string, LOCK))) as Lock);
    const row = '1,2,0.05,2.5,2.25,0.125,600\n';
    await writeFile(join(refconv1 as string, 'metrics.csv'), METRICS + row);
    await markFailed(root, hashes[3] as string, 'The loss became NaN.');
    await writeFile(join(wn2 as string, 'cancelled'), '');
    await writeFile(join(base3 as string, 'metrics.csv'), METRICS + row);
    return { root, grid, hashes };
  }

  it('tells of each run where it stands, and why', async () => {
    const { root, grid, hashes } = await scene('all');
    const rows = await gridStatus(root, grid);
    const short = (i: number) => (hashes[i] as string).slice(0, 12);
    const states = rows.map(({ arm, seed, state, waitsFor }) => ({ arm, seed, state, waitsFor }));
    const waiting = { state: 'waiting', epoch: 0, epochs: 2 };
    expect(states[0]).to.deep.equal({
      arm: 'baseline',
      seed: 1,
      state: { state: 'done', score: resultOf(1).top1 },
      waitsFor: undefined,
    });
    expect(states[1]?.state).to.deep.include({ state: 'running', epoch: 1, epochs: 2, score: 0.125, secondsLeft: 600 });
    expect(states[2]).to.deep.equal({ arm: 'wn', seed: 1, state: waiting, waitsFor: undefined });
    expect(states[3]?.state).to.deep.equal({ state: 'failed', reason: 'The loss became NaN.' });
    const inherited = `${short(3)}, which it starts from, failed: The loss became NaN.`;
    expect(states[4]?.state).to.deep.include({ state: 'failed', reason: inherited });
    expect(states[5]?.state).to.deep.equal({ state: 'cancelled' });
    expect(states[6]?.state).to.deep.equal({ state: 'waiting', epoch: 1, epochs: 2 });
    expect(states[7]).to.deep.equal({ arm: 'refconv', seed: 3, state: waiting, waitsFor: short(6) });
    expect(isSettled(rows)).to.equal(false);

    expect(statusText(grid, rows).split('\n')).to.deep.equal(
      [
        'all: 9 runs: 1 running, 2 failed, 1 cancelled, 4 waiting, 1 done',
        'network      arm       seed  run           state      epoch  top-1    left    ',
        `mobilenetv1  refconv   1     ${short(1)}  running    1/2    12.50 %  10 min  on ${hostname()}`,
        `mobilenetv1  baseline  2     ${short(3)}  failed                             The loss became NaN.`,
        `mobilenetv1  refconv   2     ${short(4)}  failed                             ${inherited}`,
        `mobilenetv1  wn        2     ${short(5)}  cancelled`,
      ].map((line) => line.trimEnd()),
    );
    const all = statusText(grid, rows, { all: true });
    expect(all.split('\n')).to.have.lengthOf(11);
    const final = `${(100 * (resultOf(1).top1 as number)).toFixed(2)} %`;
    expect(all)
      .to.match(new RegExp(`baseline +1 .*done +${final}`))
      .and.match(/baseline +3 .*waiting +1\/2/)
      .and.match(/refconv +3 .*waiting .*for [0-9a-f]{12}/);
    const low = statusText(grid, rows, { height: 5 }).split('\n');
    expect(low).to.have.lengthOf(5);
    expect(low.at(-1)).to.equal('and 2 more');
  });

  it('is settled where nothing runs or waits', async () => {
    const root = at('settled');
    const grid = tinyGrid('settled', [1]);
    const [baseline, , wn] = Object.keys(grid.runs) as [string, string, string];
    for (const hash of [baseline, wn]) await prepareRun(root, hash, grid.runs[hash] as Spec);
    await writeFile(join(runFolder(root, baseline), 'cancelled'), '');
    await writeFile(join(runFolder(root, wn), RESULT), json(resultFor(wn, grid.runs[wn] as Spec)));
    const rows = await gridStatus(root, grid);
    expect(rows.map(({ state }) => state.state)).to.deep.equal(['cancelled', 'cancelled', 'done']);
    expect(isSettled(rows)).to.equal(true);
  });

  it('changes with retry, cancel and clean', async () => {
    const { root, grid, hashes } = await scene('changed');
    const summary = async () => statusText(grid, await gridStatus(root, grid)).split('\n')[0];
    expect(await retryRuns(root, grid)).to.equal(2);
    expect(await summary()).to.equal('changed: 9 runs: 1 running, 7 waiting, 1 done');

    expect(await cancelRuns(root, grid)).to.equal(8);
    await Promise.all(locks.splice(0).map((lock) => lock.release()));
    expect(await summary()).to.equal('changed: 9 runs: 8 cancelled, 1 done');

    const [base1, refconv1] = hashes as [string, string];
    expect(await cleanRuns(root, grid, isCheckpoint)).to.equal(10);
    expect(existsSync(runFolder(root, refconv1))).to.equal(false);
    expect(await readdir(runFolder(root, base1))).to.have.members(['result.json', 'spec.json']);
    expect(await summary()).to.equal('changed: 9 runs: 8 waiting, 1 done');
  });

  it('keeps what a damaged result can be made anew from', async () => {
    const root = at('damaged');
    const grid = tinyGrid('damaged', [1]);
    const [hash, spec] = Object.entries(grid.runs)[0] as [string, Spec];
    const folder = await prepareRun(root, hash, spec);
    await writeFile(join(folder, RESULT), '{"hash":');
    expect((await stateOf(root, hash, spec)).state).to.equal('failed');
    expect(await cleanRuns(root, grid, isCheckpoint)).to.equal(0);
    expect(await readdir(folder)).to.have.members([RESULT, 'spec.json']);
  });

  it('tells progress and time left by the epochs that are written whole', async () => {
    const { root, grid, hashes } = await scene('torn');
    const folder = runFolder(root, hashes[1] as string);
    await mkdir(folder, { recursive: true });
    const whole = `${METRICS}1,2,0.05,2.5,2.25,0.125,600\n`;
    await writeFile(join(folder, 'metrics.csv'), `${whole}2,4,0.0`);
    const running = async () => (await gridStatus(root, grid))[1]?.state;
    expect(await running()).to.deep.include({ epoch: 1, score: 0.125, secondsLeft: 600 });
    // Once there is another epoch, the first one tells nothing about the time.
    const four = { ...grid, runs: { ...grid.runs } };
    const spec = grid.runs[hashes[1] as string] as Spec;
    four.runs[hashes[1] as string] = { ...spec, recipe: { ...spec.recipe, epochs: 4 } };
    await writeFile(join(folder, 'metrics.csv'), `${whole}2,4,0.04,2.4,2.2,0.25,100\n`);
    const state = (await gridStatus(root, four))[1]?.state;
    expect(state).to.deep.include({ epoch: 2, epochs: 4, score: 0.25, secondsLeft: 200 });
  });
});
