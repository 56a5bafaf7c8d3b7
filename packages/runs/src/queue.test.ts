import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { holderOf } from '@refconv/datasets';
import { expect } from 'chai';
import { LOCK, prepareRun, runFolder, stateOf } from './folder.js';
import { type Grid, planGrid } from './grid.js';
import { type LedgerRow, readLedger } from './ledger.js';
import { runQueue } from './queue.js';
import type { Spec } from './spec.js';
import { gridStatus, isSettled, statusText } from './status.js';
import { temporaryFolder, tinyGrid } from './testing/tiny.js';

const LAUNCH = fileURLToPath(new URL('./testing/launch.js', import.meta.url));
const LONG = process.env.REFCONV_LONG === '1';
const [SEEDS, WORKERS, KILLS] = LONG ? [8, 4, 10] : [1, 2, 2];

function launcher(root: string, name: string, workers: number): { child: ChildProcess; ended: Promise<string> } {
  const child = spawn(process.execPath, [LAUNCH, root, name, String(workers)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (text) => {
    output += text;
  });
  return { child, ended: new Promise((resolve) => child.on('close', () => resolve(output))) };
}

/** The processes that are doing runs. */
async function workersOf(root: string, { runs }: Grid): Promise<number[]> {
  const holders = await Promise.all(Object.keys(runs).map((hash) => holderOf(join(runFolder(root, hash), LOCK))));
  return holders.flatMap((holder) => (holder ? [holder.pid] : []));
}

/** What must not depend on how the runs came about. */
const essence = (rows: LedgerRow[]) =>
  rows
    .map(
      ({
        peak_memory: _,
        train_seconds: __,
        step_milliseconds: ___,
        finished: ____,
        commit: _____,
        changed: ______,
        ...row
      }) => row,
    )
    .sort((a, b) => (a.hash < b.hash ? -1 : 1));

describe('the queue', () => {
  const at = temporaryFolder();
  const grid = tinyGrid(
    'tiny',
    Array.from({ length: SEEDS }, (_, i) => i + 1),
  );
  const total = Object.keys(grid.runs).length;
  const quiet = { log: () => {} };

  it(`killed ${KILLS} times, launcher and workers, ends with the rows of an undisturbed grid`, async () => {
    await planGrid(at('undisturbed'), grid);
    const undisturbed = await runQueue(at('undisturbed'), grid, { workers: WORKERS, ...quiet });
    expect(undisturbed).to.deep.equal({ done: total, failed: [], left: 0 });
    const expected = await readLedger(at('undisturbed'));
    expect(expected).to.have.lengthOf(total);

    const root = at('killed');
    await planGrid(root, grid);
    let { child, ended } = launcher(root, 'tiny', WORKERS);
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(1000 + Math.random() * 5000);
      const workers = await workersOf(root, grid);
      const launcherDies = kill % 2 === 0;
      const victim = launcherDies ? child.pid : workers[Math.floor(Math.random() * workers.length)];
      if (victim === undefined) continue;
      try {
        process.kill(victim, 'SIGKILL');
      } catch {
        // It had just ended.
      }
      if (!launcherDies) continue;
      await ended;
      ({ child, ended } = launcher(root, 'tiny', WORKERS));
    }
    const output = await ended;
    expect(output).to.contain(`{"done":${total},"failed":[],"left":0}`);
    const rows = await readLedger(root);
    expect(essence(rows)).to.deep.equal(essence(expected));
    expect(rows).to.have.lengthOf(total);

    // What is done is not done again.
    const begin = performance.now();
    expect(await runQueue(root, grid, { workers: WORKERS, ...quiet })).to.deep.equal({
      done: total,
      failed: [],
      left: 0,
    });
    expect(performance.now() - begin).to.be.below(1000);
    expect(await readLedger(root)).to.deep.equal(rows);
  }).timeout(LONG ? 3_600_000 : 400_000);

  it('stops at a wish with checkpoints and goes on; tells failures with their reasons; lets them be tried again', async () => {
    const root = at('stopped');
    const bad = tinyGrid('bad', [1], {
      recipe: { ...(Object.values(grid.runs)[0] as Spec).recipe, learningRate: 1e30 },
    });
    await planGrid(root, bad);
    const outcome = await runQueue(root, bad, { workers: 1, ...quiet });
    expect(outcome).to.include({ done: 0 });
    const rows = await gridStatus(root, bad);
    expect(isSettled(rows)).to.equal(true);
    const text = statusText(bad, rows, true);
    expect(text).to.match(/baseline .*failed: .*(NaN|infinite|not finite)/i);
    expect(text).to.match(/refconv .*waiting for a run that failed or was cancelled/);

    const stop = new AbortController();
    const [first] = Object.entries(grid.runs) as [[string, Spec]];
    const stopping = runQueue(root, grid, { workers: 1, signal: stop.signal, ...quiet });
    while ((await stateOf(root, ...first)).state !== 'running') await sleep(50);
    stop.abort();
    expect(await stopping).to.include({ done: 0 });
    expect((await stateOf(root, ...first)).state).to.equal('waiting');

    await writeFile(join(await prepareRun(root, ...first), 'cancelled'), '');
    expect((await runQueue(root, grid, { workers: 1, ...quiet })).left).to.be.at.least(2);
    expect((await stateOf(root, ...first)).state).to.equal('cancelled');
  }).timeout(200_000);
});
