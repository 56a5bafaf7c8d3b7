/** The Slurm launcher: sbatch arrays whose tasks are runs. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { holderOf } from '@refconv/datasets';
import { $ } from 'zx';
import { CANCELLED, FAILURE, isDone, json, LOCK, prepareRun, readJson, runFolder } from './folder.js';
import { type Grid, gridFolder } from './grid.js';
import { WORKER } from './queue.js';
import type { Hash, Spec } from './spec.js';

export interface SlurmOptions {
  account?: string;
  partition?: string;
  /** Time limit of a task, as sbatch takes it. Default: 24:00:00. */
  time?: string;
  /** Gigabytes of a task. Default: 2. */
  memory?: number;
}

/** Runs that can be one array: task i of a dependent array starts from task i of its parent array. */
export interface SlurmArray {
  /** Of the array in the plan that this one waits for, task by task. */
  after?: number;
  /** By task index. */
  tasks: Map<number, Hash>;
  threads: number | null;
}

/** The seconds before its time limit at which a task is told to stop. */
const WARNING = 120;

/**
 * Splits runs into arrays for `--dependency=aftercorr`, in which a task waits for the task of the same index: all that start from
 * nothing, or from a run that is done, are arrays of their own (one for each number of threads); the first runs that start from these are
 * the next array, their second ones another.
 */
export function slurmArrays(runs: Record<Hash, Spec>): SlurmArray[] {
  const arrays: SlurmArray[] = [];
  const placeOf = new Map<Hash, { array: number; index: number }>();
  const roots = new Map<number | null, number>();
  for (const [hash, { from, threads }] of Object.entries(runs)) {
    const parent = from ? placeOf.get(from) : undefined;
    let number: number;
    let index: number;
    if (parent) {
      const fits = ({ after, tasks, threads: own }: SlurmArray) =>
        after === parent.array && own === threads && !tasks.has(parent.index);
      index = parent.index;
      number = arrays.findIndex(fits);
      if (number < 0) number = arrays.push({ after: parent.array, tasks: new Map(), threads }) - 1;
    } else {
      number = roots.get(threads) ?? arrays.push({ tasks: new Map(), threads }) - 1;
      roots.set(threads, number);
      index = arrays[number]?.tasks.size as number;
    }
    arrays[number]?.tasks.set(index, hash);
    placeOf.set(hash, { array: number, index });
  }
  return arrays;
}

/**
 * The job script of an array. The process is told to stop shortly before its time limit, writes a checkpoint, and the task is put into the
 * queue again; a preempted one is requeued by Slurm itself, and goes on from its last checkpoint.
 */
export function jobScript(
  name: string,
  { tasks, threads }: SlurmArray,
  { folder, list, account, partition, time = '24:00:00', memory = 2 }: SlurmOptions & { folder: string; list: string },
): string {
  const options = {
    'job-name': name,
    array: [...tasks.keys()].sort((a, b) => a - b).join(','),
    output: join(folder, '%A_%a.log'),
    'open-mode': 'append',
    requeue: undefined,
    time,
    signal: `B:USR1@${WARNING}`,
    ntasks: '1',
    'cpus-per-task': String(threads ?? 1),
    mem: `${Math.ceil(1024 * memory)}M`,
    'kill-on-invalid-dep': 'yes',
    ...(threads === null && { gres: 'gpu:1' }),
    ...(account && { account }),
    ...(partition && { partition }),
  };
  const lines = Object.entries(options).map(
    ([key, value]) => `#SBATCH --${key}${value === undefined ? '' : `=${value}`}`,
  );
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return `#!/bin/bash
${lines.join('\n')}
folder=$(awk -v task="$SLURM_ARRAY_TASK_ID" '$1 == task { print substr($0, length($1) + 2) }' ${quoted(list)})
requeue=no
${quoted(process.execPath)} ${quoted(WORKER)} "$folder" &
worker=$!
trap 'requeue=yes; kill -INT $worker' USR1
trap 'kill -INT $worker' TERM INT
status=0
wait $worker || status=$?
# A signal ends the first wait before the worker.
while kill -0 $worker 2>/dev/null; do status=0; wait $worker || status=$?; done
if [ $requeue = yes ] && [ $status = 130 ]; then
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
fi
exit $status
`;
}

/** The jobs of a grid that were submitted. */
const jobsFile = (root: string, name: string) => join(gridFolder(root, name), 'slurm', 'jobs.json');

export const submittedJobs = async (root: string, name: string): Promise<string[]> =>
  (await readJson<string[]>(jobsFile(root, name))) ?? [];

/**
 * Submits what is neither done, under way, failed nor cancelled. @returns the ids of the jobs.
 * @throws Error where jobs of an earlier submission are still in the queue, or sbatch refuses.
 */
export async function submit(root: string, grid: Grid, options: SlurmOptions): Promise<string[]> {
  await $({ quiet: true })`sbatch --version`.catch(() => {
    throw new Error('sbatch was not found: the Slurm launcher has to be started where jobs are submitted.');
  });
  const earlier = await submittedJobs(root, grid.name);
  if (earlier.length > 0) {
    const { stdout } = await $({ quiet: true, nothrow: true })`squeue --noheader --format=%A --jobs=${earlier.join()}`;
    if (stdout.trim()) {
      throw new Error(
        `${grid.name} is in Slurm's queue already (jobs ${earlier.join(', ')}); cancel it first, or wait.`,
      );
    }
  }
  const open: Record<Hash, Spec> = {};
  for (const [hash, spec] of Object.entries(grid.runs)) {
    const folder = runFolder(root, hash);
    const settled = isDone(root, hash) || [FAILURE, CANCELLED].some((file) => existsSync(join(folder, file)));
    if (settled || (await holderOf(join(folder, LOCK)))) continue;
    // One that starts from a run that failed would never start.
    if (spec.from && !isDone(root, spec.from) && !open[spec.from]) continue;
    open[hash] = spec;
    await prepareRun(root, hash, spec);
  }
  const folder = resolve(gridFolder(root, grid.name), 'slurm');
  await mkdir(folder, { recursive: true });
  const jobs: string[] = [];
  for (const [i, array] of slurmArrays(open).entries()) {
    const list = join(folder, `array-${i}.tasks`);
    const script = join(folder, `array-${i}.sh`);
    await writeFile(
      list,
      [...array.tasks].map(([task, hash]) => `${task} ${resolve(runFolder(root, hash))}\n`).join(''),
    );
    await writeFile(script, jobScript(`${grid.name}-${i}`, array, { ...options, folder, list }));
    await chmod(script, 0o755);
    const dependency = array.after === undefined ? [] : [`--dependency=aftercorr:${jobs[array.after]}`];
    const { stdout } = await $({ quiet: true })`sbatch --parsable ${dependency} ${script}`;
    jobs.push((stdout.trim().split(';') as [string])[0]);
    await writeFile(jobsFile(root, grid.name), json(jobs));
  }
  return jobs;
}

/** Takes a grid's jobs out of Slurm's queue. */
export async function cancelJobs(root: string, name: string): Promise<void> {
  const jobs = await submittedJobs(root, name);
  if (jobs.length > 0) await $({ quiet: true, nothrow: true })`scancel ${jobs}`;
}
