import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf } from '@refconv/files';
import { expect } from 'chai';
import { LOCK, LOG, runFolder, stateOf } from './folder.js';
import { type Grid, GridBuilder, planGrid } from './grid.js';
import { readLedger } from './ledger.js';
import { checkTime, jobScript, slurmArrays, submit } from './slurm.js';
import { cancelJobs, slurmQueue, writeJobs } from './slurmJobs.js';
import type { Spec } from './spec.js';
import { gridStatus, isSettled, statusText } from './status.js';
import { noSlurm, type PrivateSlurm, startSlurm } from './testing/slurm.js';
import {
  essence,
  firstRuns,
  goodGrid,
  longer,
  longGrid,
  NOTES,
  temporaryFolder,
  tinyGrid,
  tinySpec,
} from './testing/tiny.js';
import { undisturbed } from './testing/undisturbed.js';

describe('Slurm arrays', () => {
  it('put each run at the index of the run that it starts from', () => {
    const { runs } = tinyGrid('tiny', [1, 2]);
    const [base1, refconv1, wn1, base2, refconv2, wn2] = Object.keys(runs) as string[];
    const plan = slurmArrays(runs).map(({ after, tasks }) => ({ after, tasks: [...tasks] }));
    expect(plan).to.deep.equal([
      { after: undefined, tasks: [base1, wn1, base2, wn2].map((hash, i) => [i, hash]) },
      {
        after: 0,
        tasks: [
          [0, refconv1],
          [2, refconv2],
        ],
      },
    ]);
    const small = slurmArrays(runs, 3).map(({ after, tasks }) => ({ after, indices: [...tasks.keys()] }));
    expect(small).to.deep.equal([
      { after: undefined, indices: [0, 1, 2] },
      { after: 0, indices: [0, 2] },
      { after: undefined, indices: [0] },
    ]);
  });

  it('give runs that measure time nodes to themselves', () => {
    const builder = new GridBuilder({ ...NOTES, name: 'mixed' });
    builder.add('mobilenetv1', 'baseline', tinySpec(1));
    for (const seed of [1, 2])
      builder.add('mobilenetv1', 'cost', tinySpec(seed, { analysis: { id: 'cost', steps: 1 } }));
    const arrays = slurmArrays(builder.build().runs);
    expect(arrays.map(({ alone, tasks }) => [alone, tasks.size])).to.deep.equal([
      [undefined, 1],
      [true, 2],
    ]);
    const scripts = arrays.map((array) =>
      jobScript('mixed', array, { root: '/root', folder: '/folder', list: '/list' }),
    );
    expect(scripts.map((script) => script.includes('#SBATCH --exclusive\n'))).to.deep.equal([false, true]);
  });

  it('have scripts that say all that the user asked for', () => {
    const tasks = new Map([0, 1, 2, 7, 5].map((index) => [index, 'hash']));
    const options = { account: 'lab', partition: 'main', time: '2-0', memory: 1.5 };
    const place = { root: "/it's/root", folder: '/a b/100%', list: '/list' };
    const script = jobScript('tiny-0', { tasks, threads: null }, { ...options, ...place });
    for (const line of [
      ...['--array=0-2,5,7', '--account=lab', '--partition=main', '--time=2-0', '--mem=1536M', '--gres=gpu:1'],
      ...['--requeue', '--signal=B:TERM@120', '--kill-on-invalid-dep=yes', '--output="/a b/100%%/%A_%a.log"'],
    ]) {
      expect(script).to.contain(`#SBATCH ${line}\n`);
    }
    expect(script).to.contain(String.raw`'/it'\''s/root' '/list'`);
  });

  it('have time limits that a run can get on in', () => {
    for (const time of ['10', '10:00', '0:10:00', '24:00:00', '1-0', '1-00:30', '0-1', 'unlimited']) checkTime(time);
    for (const time of ['9', '9:59', '0:09:59', '0-0:5']) expect(() => checkTime(time)).to.throw(/at least 10 minutes/);
    for (const time of ['', 'soon', '1:2:3:4', '-5', '1h']) expect(() => checkTime(time)).to.throw(/expected minutes/);
  });
});

const LONG = process.env.REFCONV_LONG === '1';
const NODES = 2;
const AT_ONCE = ['StartTime=now', 'TimeLimit=30', 'Priority=4294960000'];

describe('a real Slurm', function () {
  this.timeout(LONG ? 1_800_000 : 240_000);
  let slurm: PrivateSlurm | undefined;
  // Before its folder goes.
  after(() => slurm?.stop());
  const at = temporaryFolder();
  const call = (command: string, ...args: string[]) => (slurm as PrivateSlurm).call(command, ...args);

  before(async function () {
    const reason = await noSlurm();
    if (reason) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    await mkdir(at('slurm'));
    slurm = await startSlurm(at('slurm'), NODES);
  });

  /** With spaces and a %, which Slurm's file names give a meaning. */
  const root = () => at('on Slurm, 100%');

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const begin = performance.now();
    while (!(await holds())) {
      if (performance.now() - begin > 180_000) throw new Error(`Waited in vain until ${what}:\n${await report()}`);
      await sleep(100);
    }
  }
  const report = async () =>
    `${await call('squeue', '--array')}\n${await call('scontrol', 'show', 'nodes', '--oneliner')}`;

  /** A task on n0 in the middle of its run. */
  async function underWay(grid: Grid): Promise<{ task: string; hash: string } | undefined> {
    const running = await call(
      'squeue',
      '--noheader',
      '--array',
      '--states=RUNNING',
      '--nodelist=n0',
      '--format=%F_%K',
    );
    for (const [hash, task] of (await slurmQueue(root(), grid.name)) ?? []) {
      if (!task || !running.split('\n').includes(task.task)) continue;
      const state = await stateOf(root(), hash, grid.runs[hash] as Spec);
      if (state.state === 'running' && state.epoch > 0 && state.epoch < state.epochs / 3)
        return { task: task.task, hash };
    }
    return undefined;
  }

  async function killWorker(hash: string): Promise<void> {
    const holder = await holderOf(join(runFolder(root(), hash), LOCK));
    if (holder) process.kill(holder.pid, 'SIGKILL');
  }

  const stateIs =
    (grid: Grid, hash: string, state: string, epoch = 0) =>
    async () => {
      const found = await stateOf(root(), hash, grid.runs[hash] as Spec);
      return found.state === state && (!('epoch' in found) || found.epoch >= epoch);
    };

  /** Slurm starts a requeued task only two minutes later. */
  async function startAtOnce(): Promise<void> {
    const waiting = await call('squeue', '--array', '--noheader', '--states=PENDING', '--format=%F_%K|%r');
    for (const line of waiting.split('\n')) {
      const [task = '', reason] = line.split('|');
      if (reason === 'BeginTime') await call('scontrol', 'update', `JobId=${task}`, ...AT_ONCE).catch(() => '');
    }
  }

  async function finish(grid: Grid): Promise<void> {
    const begin = performance.now();
    while (!isSettled(await gridStatus(root(), grid))) {
      if (performance.now() - begin > 900_000) throw new Error(`The grid does not end:\n${await report()}`);
      await startAtOnce();
      await sleep(500);
    }
  }

  it('does a grid that is requeued, drained, and has a baseline that fails, as if undisturbed', async () => {
    const good = LONG ? longGrid() : goodGrid();
    const grid = withFailing(good, 'slurm');
    await planGrid(root(), grid);

    const [baseline] = Object.keys(good.runs) as [string];
    const options = { account: 'lab', partition: 'main', time: '30', memory: 1 };
    await call('scontrol', 'update', 'NodeName=n1', 'State=DRAIN', 'Reason=test');
    const { jobs, left } = await submit(root(), grid, options);
    expect(left).to.deep.equal([]);
    expect(jobs).to.have.lengthOf(2);
    const told = await call('squeue', '--noheader', '--array', '--format=%a %P %l %m');
    expect(new Set(told.split('\n').map((line) => line.trim()))).to.deep.equal(new Set(['lab main 30:00 1G']));
    const again = await submit(root(), grid, options).catch((error: Error) => error);
    expect(again).to.have.property('message').that.contains("are in Slurm's queue already");

    await until('the baseline is in its run', stateIs(grid, baseline, 'running', 1));
    expect(await call('squeue', '--noheader', '--states=RUNNING', '--format=%N')).to.equal('n0');
    await call('scontrol', 'requeue', `${jobs[0]?.id}_0`);
    await until('the baseline waits', stateIs(grid, baseline, 'waiting', 1));
    const text = statusText(grid, await gridStatus(root(), grid), { all: true });
    expect(text).to.match(
      /mobilenetv1 +baseline +1 .*waiting +\d+\/\d+ +for Slurm's task \d+_0, (pending|completing): /,
    );
    expect(text).to.match(/mobilenetv1 +refconv +1 .*waiting +for Slurm's task \d+_0, pending: Dependency/);
    await call('scontrol', 'update', 'NodeName=n1', 'State=RESUME');
    if (LONG) await disturb(grid);
    await finish(grid);

    await until('the queue is empty', async () => (await call('squeue', '--noheader')) === '');
    const rows = await gridStatus(root(), grid);
    const done = rows.filter(({ state }) => state.state === 'done');
    expect(done.length, statusText(grid, rows, { all: true })).to.equal(Object.keys(good.runs).length);
    const failed = rows.flatMap(({ arm, state }) => (state.state === 'failed' ? [`${arm}: ${state.reason}`] : []));
    expect(failed).to.have.lengthOf(2);
    expect(failed[0]).to.match(/^baseline: .*(NaN|infinite)/);
    expect(failed[1]).to.match(/^refconv: [0-9a-f]{12}, which it starts from, failed: .*(NaN|infinite)/);

    expect(essence(await readLedger(root()))).to.deep.equal(essence(await undisturbed(good)));
    expect(await readFile(join(runFolder(root(), baseline), LOG), 'utf8')).to.match(/Going on from step [1-9]/);
    const logs = await readdir(join(root(), 'grids', 'slurm', 'slurm'));
    for (const { id, tasks } of jobs) {
      // A task that never ran has none.
      for (const index of Object.keys(tasks).filter((i) => id === jobs[0]?.id || i === '0')) {
        expect(logs).to.include(`${id}_${index}.log`);
      }
    }

    // What failed is left alone, and what starts from it is said to be left out.
    expect(await submit(root(), grid, options)).to.deep.equal({ jobs: [], left: [Object.keys(grid.runs).at(-1)] });
  });

  /** What else a cluster does to a run, each of these to one that is running, which must go on from a checkpoint. */
  async function disturb(grid: Grid): Promise<void> {
    type Act = (task: string, hash: string) => Promise<unknown>;
    const requeue: Act = (task) => call('scontrol', 'requeue', task);
    const disturbances: [what: string, act: Act, itself?: boolean][] = [
      // Of higher priority, for both nodes.
      ['preempts', () => call('sbatch', '--partition=urgent', '--array=0-1', '--output=/dev/null', '--wrap=sleep 2')],
      // As --signal=B:TERM does before the time limit, which Slurm looks at only every half a minute.
      // scancel is not waited for: it tries again as long as the task is being requeued.
      ['warns', async (task) => void call('scancel', '--batch', '--signal=TERM', task).catch(() => ''), true],
      ['takes away the node of', () => call('scontrol', 'update', 'NodeName=n0', 'State=DOWN', 'Reason=test')],
      ['loses the process of', (_, hash) => killWorker(hash)],
      ...Array.from({ length: 5 }, (): [string, Act] => ['requeues', requeue]),
    ];
    const logOf = (hash: string) => readFile(join(runFolder(root(), hash), LOG), 'utf8');
    const resumed = async (hash: string) => (await logOf(hash)).split('Going on from step').length;
    for (const [what, act, itself] of disturbances) {
      let victim: { task: string; hash: string } | undefined;
      await until(`a run is under way, which Slurm then ${what}`, async () => {
        await startAtOnce();
        victim = await underWay(grid);
        return victim !== undefined;
      });
      const { task, hash } = victim as { task: string; hash: string };
      const before = await resumed(hash);
      await act(task, hash);
      await until(`Slurm ${what} ${task}, which goes on`, async () => {
        await startAtOnce();
        // What preempts may still wait in part, and would take the next victim too.
        return (await resumed(hash)) > before && (await call('squeue', '--noheader', '--partition=urgent')) === '';
      });
      const log = await readFile(join(root(), 'grids', 'slurm', 'slurm', `${task}.log`), 'utf8');
      if (itself) expect(log, log).to.contain('puts itself into the queue again');
      await call('scontrol', 'update', 'NodeName=n0', 'State=RESUME').catch(() => '');
    }
  }

  it('says what sbatch refuses, and leaves nothing in the queue', async () => {
    const grid = tinyGrid('refused', [3]);
    await planGrid(root(), grid);
    const error = await submit(root(), grid, { partition: 'nowhere' }).catch((thrown: Error) => thrown);
    expect(error)
      .to.have.property('message')
      .that.matches(/sbatch refused, and nothing is submitted: .*partition/);
    expect(await call('squeue', '--noheader')).to.equal('');
  });

  it('stops what is cancelled', async () => {
    const grid = firstRuns(tinyGrid('cancelled', [7], longer(1000)), 2);
    await planGrid(root(), grid);
    const [baseline] = Object.keys(grid.runs) as [string];
    const { jobs } = await submit(root(), grid, {});
    await until('the baseline runs', stateIs(grid, baseline, 'running', 1));
    // As where the launcher was killed before it wrote the numbers down.
    await writeJobs(
      root(),
      grid.name,
      jobs.map(({ id: _, ...job }) => job),
    );
    const again = await submit(root(), grid, {}).catch((error: Error) => error);
    expect(again).to.have.property('message').that.contains("2 tasks of cancelled-2 are in Slurm's queue already");
    await cancelJobs(root(), grid.name);
    await until('the queue is empty', async () => (await call('squeue', '--noheader')) === '');
    expect([...((await slurmQueue(root(), grid.name)) ?? [])].filter(([, task]) => task)).to.deep.equal([]);
    expect((await stateOf(root(), baseline, grid.runs[baseline] as Spec)).state).to.equal('waiting');
    const text = statusText(grid, await gridStatus(root(), grid), { all: true });
    expect(text).to.match(
      /baseline +7 .*waiting .*for nothing: it is no longer in Slurm's queue; start the grid again/,
    );
  });
});

/** A grid with a baseline more that fails, and a run that starts from it. */
function withFailing(good: Grid, name: string): Grid {
  const { recipe } = tinySpec();
  const grid = new GridBuilder({ ...NOTES, name });
  const bad = tinySpec(99, { recipe: { ...recipe, learningRate: 1e30 } });
  const from = grid.add('bad', 'baseline', bad);
  grid.add('bad', 'refconv', { ...bad, from, method: { id: 'refconv' } });
  const failing = grid.build();
  return { ...failing, rows: [...good.rows, ...failing.rows], runs: { ...good.runs, ...failing.runs } };
}
