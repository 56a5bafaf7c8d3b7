import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { isDone, readFailure, readResult, runFolder } from './folder.js';
import { type Grid, GridBuilder, planGrid } from './grid.js';
import { runQueue } from './queue.js';
import { jobScript, slurmArrays, submit } from './slurm.js';
import { slurmQueue } from './slurmJobs.js';
import { hashOfSpec, parseSpec } from './spec.js';
import { noSlurm, type PrivateSlurm, startSlurm } from './testing/slurm.js';
import { firstRuns, longer, NOTES, temporaryFolder, tinySpec } from './testing/tiny.js';

/** A baseline, and RefConv that starts from it, by two processes each. */
function twoRuns(epochs: number): Grid {
  const grid = new GridBuilder({ ...NOTES, name: `shared-${epochs}` });
  const spec = tinySpec(1, { ...longer(epochs, 0.01), processes: 2 });
  const from = grid.add('mobilenetv1', 'baseline', spec);
  grid.add('mobilenetv1', 'refconv', { ...spec, from, method: { id: 'refconv' } });
  return grid.build();
}

/** The processes that share a run. */
async function sharesOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [command, environment] = await Promise.all(
        ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
      );
      const isShare = /(^|\0)(REFCONV_CLUSTER=|SLURM_STEP_NUM_TASKS=2\0)/.test(environment as string);
      return isShare && command?.includes(`worker.js\0${folder}\0`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** Waits until a run has trained for some epochs. */
async function afterEpochs(folder: string, epochs: number): Promise<void> {
  for (;;) {
    const lines = (await readFile(join(folder, 'metrics.csv'), 'utf8').catch(() => '')).split('\n').length;
    if (lines > epochs + 1) return;
    await sleep(50);
  }
}

describe('a run of several processes', () => {
  const at = temporaryFolder();
  const grid = twoRuns(8);
  const alone = firstRuns(grid, 1);
  const [baseline, refconv] = Object.keys(grid.runs) as [string, string];
  const weightsIn = (root: string) =>
    Promise.all([baseline, refconv].map(async (hash) => (await readResult(root, hash))?.weights));
  let expected: (string | undefined)[];

  it('is done by the queue as any other, and says so', async () => {
    const root = at('undisturbed');
    await planGrid(root, grid);
    const { done } = await runQueue(root, grid, { workers: 2, log: () => {} });
    expect(done).to.equal(2);
    expected = await weightsIn(root);
    expect((await readResult(root, refconv))?.environment.processes).to.equal(2);
    expect(await sharesOf(runFolder(root, refconv))).to.deep.equal([]);
  });

  it('is started again where one of them is killed, and ends with the same bits', async () => {
    const root = at('killed');
    await planGrid(root, alone);
    const lines: string[] = [];
    const queue = runQueue(root, alone, { workers: 2, log: (line) => lines.push(line) });
    const folder = runFolder(root, baseline);
    await afterEpochs(folder, 2);
    const shares = await sharesOf(folder);
    expect(shares).to.have.length(2);
    process.kill(shares[1] as number, 'SIGKILL');
    expect((await queue).done).to.equal(1);
    expect(lines.join('\n')).to.contain('starting it again');
    expect((await weightsIn(root))[0]).to.equal(expected[0]);
  });

  it('stops as a whole, and goes on', async () => {
    const root = at('stopped');
    await planGrid(root, alone);
    const stop = new AbortController();
    const queue = runQueue(root, alone, { workers: 2, signal: stop.signal, log: () => {} });
    await afterEpochs(runFolder(root, baseline), 2);
    stop.abort();
    expect((await queue).left).to.equal(1);
    expect(await readFailure(runFolder(root, baseline))).to.equal(undefined);
    expect((await runQueue(root, alone, { workers: 2, log: () => {} })).done).to.equal(1);
    expect((await weightsIn(root))[0]).to.equal(expected[0]);
  });

  it('has another hash than that of one, and a batch that can be shared', () => {
    const hash = (changes: object) => hashOfSpec(parseSpec({ ...tinySpec(), ...changes }));
    expect(hash({ processes: 2 })).to.not.equal(hash({}));
    expect(() => parseSpec({ ...tinySpec(), processes: 3 })).to.throw(
      /3 workers cannot share a batchSize of 16 evenly: give one that is a multiple of 3/,
    );
    expect(() => parseSpec({ ...tinySpec(), processes: 1 })).to.throw(/processes/);
  });

  it('is a job of as many tasks, with a GPU each where it is for GPUs', () => {
    const spec = parseSpec(tinySpec(1, { processes: 4, threads: null }));
    const [array] = slurmArrays({ [hashOfSpec(spec)]: spec, other: parseSpec(tinySpec(2, { threads: null })) });
    const script = jobScript('shared', array as NonNullable<typeof array>, {
      root: '/r',
      folder: '/f',
      list: '/l',
      memory: 3,
    });
    for (const line of ['--ntasks=4', '--gpus-per-task=1', '--mem-per-cpu=3072M', '--array=0'])
      expect(script).to.contain(`#SBATCH ${line}\n`);
  });

  describe('under Slurm', () => {
    let slurm: PrivateSlurm;
    before(async function () {
      const missing = process.env.REFCONV_LONG === '1' ? await noSlurm() : 'long: REFCONV_LONG=1';
      if (missing) {
        console.log(`      skipped: ${missing}`);
        this.skip();
      }
      await mkdir(at('slurm'));
      slurm = await startSlurm(at('slurm'), 1, 2);
    });
    after(() => slurm?.stop());

    it('is two tasks of a job, which go on together after scontrol requeue, with the same bits', async function () {
      this.timeout(420_000); // Slurm starts what was requeued after two minutes
      const root = at('by-slurm');
      await planGrid(root, grid);
      await submit(root, grid, { memory: 1, time: '30' });
      await afterEpochs(runFolder(root, baseline), 2);
      expect(await sharesOf(runFolder(root, baseline))).to.have.length(2);
      const [[, task] = []] = [...((await slurmQueue(root, grid.name)) ?? [])].filter(
        ([, each]) => each?.state === 'RUNNING',
      );
      await slurm.call('scontrol', 'requeue', String(task?.task));
      const end = performance.now() + 400_000;
      while (!isDone(root, refconv) && performance.now() < end) await sleep(200);
      expect(await weightsIn(root)).to.deep.equal(expected);
      // The last task ends a moment after its run is done.
      while ((await slurm.call('squeue', '--noheader')) !== '' && performance.now() < end) await sleep(200);
      expect(await slurm.call('squeue', '--noheader')).to.equal('');
    });
  });
});
