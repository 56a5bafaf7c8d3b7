import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { holderOf } from '@refconv/files';
import { expect } from 'chai';
import { LOCK, LOG, letRetry, readAnalysis, runFolder, stateOf } from './folder.js';
import { type Grid, GridBuilder, planGrid } from './grid.js';
import { readLedger, rebuildLedger } from './ledger.js';
import { gpus, runQueue } from './queue.js';
import type { AnalysisResult } from './result.js';
import type { Spec } from './spec.js';
import { gridStatus, isSettled, statusText } from './status.js';
import { essence, firstRuns, goodGrid, longGrid, NOTES, temporaryFolder, tinyGrid, tinySpec } from './testing/tiny.js';
import { undisturbed } from './testing/undisturbed.js';

const LAUNCH = fileURLToPath(new URL('./testing/launch.js', import.meta.url));
const LONG = process.env.REFCONV_LONG === '1';
const [WORKERS, KILLS] = LONG ? [4, 10] : [2, 3];

interface Launcher {
  child: ChildProcess;
  ended: Promise<{ output: string; code: number | null }>;
}

/** In a process group of its own, as a terminal has it. */
function launcher(root: string, { name }: Grid, workers: number): Launcher {
  const child = spawn(process.execPath, [LAUNCH, root, name, String(workers)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      output += text;
    });
  }
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ output, code }))) };
}

/** The processes that are doing runs. */
async function workersOf(root: string, { runs }: Grid): Promise<number[]> {
  const holders = await Promise.all(Object.keys(runs).map((hash) => holderOf(join(runFolder(root, hash), LOCK))));
  return holders.flatMap((holder) => (holder ? [holder.pid] : []));
}

describe('the queue', () => {
  const at = temporaryFolder();
  const good = goodGrid();
  const quiet = { log: () => {} };

  const grid = LONG ? longGrid() : good;
  const total = Object.keys(grid.runs).length;

  it(`with ${total} runs for ${WORKERS} workers, killed ${KILLS} times, launcher and workers, ends as if undisturbed`, async () => {
    const expected = await undisturbed(grid);
    expect(expected).to.have.lengthOf(total);
    const root = at('killed');
    await planGrid(root, grid);
    let { child, ended } = launcher(root, grid, WORKERS);
    let kills = 0;
    while (kills < KILLS) {
      await sleep(200 + Math.random() * (LONG ? 6000 : 1400));
      const workers = await workersOf(root, grid);
      const launcherDies = kills % 2 === 0;
      const victim = launcherDies ? child.pid : workers[Math.floor(Math.random() * workers.length)];
      if (child.exitCode !== null) break;
      if (victim === undefined) continue;
      try {
        process.kill(victim, 'SIGKILL');
      } catch {
        continue; // It had just ended.
      }
      kills++;
      if (!launcherDies) continue;
      await ended;
      ({ child, ended } = launcher(root, grid, WORKERS));
    }
    const { output, code } = await ended;
    expect(kills, `kills before the grid was done: ${output}`).to.equal(KILLS);
    expect(output).to.contain(`${total} done, 0 failed, 0 left`);
    expect(code).to.equal(0);
    const rows = await readLedger(root);
    expect(rows).to.have.lengthOf(total);
    expect(essence(rows)).to.deep.equal(essence(expected));

    // What is done is not done again.
    const begin = performance.now();
    const outcome = await runQueue(root, grid, { workers: WORKERS, ...quiet });
    expect(outcome).to.deep.equal({ done: total, failed: [], left: 0 });
    expect(performance.now() - begin).to.be.below(1000);
    expect(await readLedger(root)).to.deep.equal(rows);
    // The ledger is what the run folders say.
    expect(await rebuildLedger(root)).to.equal(total);
    expect(essence(await readLedger(root))).to.deep.equal(essence(rows));
  }).timeout(LONG ? 3_600_000 : 400_000);

  it('does runs that measure time one at a time, whatever the number of workers', async () => {
    const root = at('measured');
    const builder = new GridBuilder({ ...NOTES, name: 'measured' });
    const cost = (seed: number) => tinySpec(seed, { analysis: { id: 'cost', steps: 1 } });
    const hashes = [1, 2].map((seed) => builder.add('mobilenetv1', 'cost', cost(seed)));
    builder.add('mobilenetv1', 'baseline', tinySpec(1));
    await planGrid(root, builder.build());
    const { done } = await runQueue(root, builder.build(), { workers: 3, ...quiet });
    expect(done).to.equal(3);
    const [one, other] = (await Promise.all(hashes.map((hash) => readAnalysis(root, hash)))).map((result) => {
      const { finished, seconds } = result as AnalysisResult;
      return { begin: Date.parse(finished) - 1000 * seconds, end: Date.parse(finished) };
    }) as [Record<'begin' | 'end', number>, Record<'begin' | 'end', number>];
    expect(Math.max(one.begin, other.begin)).to.be.above(Math.min(one.end, other.end));
    const [measured] = (await readAnalysis(root, hashes[1] as string))?.rows ?? [];
    expect(measured).to.include.keys('milliseconds', 'disturbed');
    // Of a plain network, which nothing is compared with.
    expect(measured).not.to.have.any.keys('time_ratio', 'memory_ratio');
  });

  it('stops at Ctrl-C with checkpoints, and goes on when started again', async () => {
    const root = at('interrupted');
    const single = firstRuns(good, 1);
    const [run] = Object.entries(single.runs) as [[string, Spec]];
    await planGrid(root, single);
    const first = launcher(root, single, 1);
    for (;;) {
      const state = await stateOf(root, ...run);
      if (state.state === 'running' && state.epoch > 0) break;
      expect(first.child.exitCode).to.equal(null);
      await sleep(100);
    }
    process.kill(-(first.child.pid as number), 'SIGINT');
    const stopped = await first.ended;
    expect(stopped.output).to.contain('0 done, 0 failed, 1 left');
    expect(stopped.code).to.equal(130);
    expect(await workersOf(root, single)).to.deep.equal([]);
    expect(await stateOf(root, ...run)).to.include({ state: 'waiting' });

    const second = await launcher(root, single, 1).ended;
    expect(second.output).to.contain('1 done, 0 failed, 0 left');
    expect(second.code).to.equal(0);
    expect(await readFile(join(runFolder(root, run[0]), LOG), 'utf8')).to.match(/Going on from step [1-9]\d* of/);
    const expected = (await undisturbed(good)).filter(({ hash }) => hash === run[0]);
    expect(essence(await readLedger(root))).to.deep.equal(essence(expected));
  });

  it('tells failures with their reasons, leaves what starts from them, and lets them be tried again', async () => {
    const root = at('failed');
    const bad = firstRuns(tinyGrid('bad', [1], { recipe: { ...tinySpec().recipe, learningRate: 1e30 } }), 2);
    await planGrid(root, bad);
    const [baseline, refconv] = Object.keys(bad.runs) as [string, string];
    expect(await runQueue(root, bad, { workers: 1, ...quiet })).to.deep.equal({ done: 0, failed: [baseline], left: 1 });
    const rows = await gridStatus(root, bad);
    expect(isSettled(rows)).to.equal(true);
    const text = statusText(bad, rows, { all: true });
    expect(text).to.match(/baseline .*failed .*(NaN|infinite|not finite)/i);
    expect(text).to.match(/refconv .*failed .*, which it starts from, failed: .*(NaN|infinite|not finite)/i);

    // A failed run is not tried again unasked.
    const begin = performance.now();
    expect((await runQueue(root, bad, { workers: 1, ...quiet })).failed).to.deep.equal([baseline]);
    expect(performance.now() - begin).to.be.below(1000);
    await letRetry(root, baseline);
    for (const hash of [baseline, refconv]) {
      expect((await stateOf(root, hash, bad.runs[hash] as Spec)).state).to.equal('waiting');
    }
  });

  it('never does more runs at the same time than there are GPUs, each of which it has alone', async () => {
    const before = process.env.CUDA_VISIBLE_DEVICES;
    const seen: string[][] = [];
    /** What each worker that runs at the moment has been given. */
    const look = async () => {
      const found: string[] = [];
      const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
      for (const id of children.trim().split(' ')) {
        const [command, variables] = await Promise.all(
          ['cmdline', 'environ'].map((name) => readFile(`/proc/${id}/${name}`, 'utf8').catch(() => '')),
        );
        const [, given] = /(?:^|\0)CUDA_VISIBLE_DEVICES=([^\0]*)/.exec(variables ?? '') ?? [];
        if (command?.includes('worker.js') && given !== undefined) found.push(given);
      }
      if (found.length > 0) seen.push(found);
    };
    try {
      process.env.CUDA_VISIBLE_DEVICES = '5';
      const grid = tinyGrid('one-gpu', [1], { threads: null });
      await planGrid(at('one-gpu'), grid);
      // Where there is none each run fails by itself.
      let ended = false;
      const queue = runQueue(at('one-gpu'), grid, { workers: 2, ...quiet }).finally(() => {
        ended = true;
      });
      while (!ended) {
        await look();
        await sleep(20);
      }
      await queue;
      expect(seen).not.to.deep.equal([]);
      for (const workers of seen) expect(workers).to.deep.equal(['5']);
    } finally {
      if (before === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
      else process.env.CUDA_VISIBLE_DEVICES = before;
    }
  });

  it('takes the GPUs that CUDA_VISIBLE_DEVICES leaves it', async () => {
    const before = process.env.CUDA_VISIBLE_DEVICES;
    try {
      process.env.CUDA_VISIBLE_DEVICES = '2,GPU-8932f937';
      expect(await gpus()).to.deep.equal(['2', 'GPU-8932f937']);
      process.env.CUDA_VISIBLE_DEVICES = '';
      expect(await gpus()).to.deep.equal([]);
      const error = await runQueue(at('gpu'), tinyGrid('gpu', [1], { threads: null }), quiet).catch((thrown) => thrown);
      expect(error).to.have.property('message').that.contains('there is none here').and.contains('--set threads=N');
    } finally {
      if (before === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
      else process.env.CUDA_VISIBLE_DEVICES = before;
    }
  });
});
