/** The jobs that Slurm was asked for: their file, and what Slurm says of them. That it does not answer is never taken for an answer. */
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, writeAtomically } from '@refconv/files';
import { json } from './folder.js';
import { gridFolder } from './grid.js';
import { shell } from './shell.js';
import type { Hash } from './spec.js';

/** An array that sbatch was asked to submit. */
export interface SlurmJob {
  /** Slurm's number of it; left out until sbatch has told it, which it may not even where Slurm takes the job. */
  id?: string;
  /** By which it is found then: no other job has it. Files of earlier versions have none. */
  name?: string;
  tasks: Record<number, Hash>;
}

/** A task that is in Slurm's queue. */
export interface QueuedTask {
  /** Slurm's name of it: 12_3. */
  task: string;
  /** Such as PENDING, and why: Resources, Priority, Dependency… */
  state: string;
  reason: string;
}

/** Slurm's queue could not be read: what is in it is not known. */
export class QueueError extends Error {
  override name = 'QueueError';
}

export const slurmFolder = (root: string, name: string) => join(resolve(gridFolder(root, name)), 'slurm');
const jobsFile = (root: string, name: string) => join(slurmFolder(root, name), 'jobs.json');

/** The jobs of a grid's last submission. */
export const submittedJobs = async (root: string, name: string) =>
  (await readJson<SlurmJob[]>(jobsFile(root, name), 'see `squeue` for jobs of the grid, cancel them, and delete it')) ??
  [];

export const writeJobs = (root: string, name: string, jobs: readonly SlurmJob[]) =>
  writeAtomically(jobsFile(root, name), [json(jobs)]);

const quiet = () => shell({ quiet: true, nothrow: true });
/** What a command of Slurm's says that has failed. */
export const complaint = ({ stderr = '', message = '' }: { stderr?: string; message?: string }) =>
  stderr.trim().replace(/\.$/, '') || message || 'it gives no reason';

/** @throws QueueError */
async function squeue(selection: string, format = '%F_%K|%T|%r'): Promise<string[]> {
  const found = await (await quiet())`squeue --noheader --array --format=${format} ${selection}`;
  // A job that has left it long ago.
  if (found.exitCode !== 0 && !/invalid job id/i.test(found.stderr)) {
    throw new QueueError(`Slurm's queue could not be read: ${complaint(found)}`);
  }
  return found.stdout.split('\n').filter((line) => line.trim() !== '');
}

async function tasksOf(selection: string): Promise<QueuedTask[]> {
  const lines = await squeue(selection);
  return lines.map((line) => {
    const [task, state, reason] = line.trim().split('|') as [string, string, string];
    return { task, state, reason };
  });
}

/**
 * What of a grid's last submission is in Slurm's queue, and what is not; undefined where nothing was submitted.
 * @throws QueueError
 */
export async function slurmQueue(root: string, name: string): Promise<Map<Hash, QueuedTask | undefined> | undefined> {
  const jobs = await submittedJobs(root, name);
  if (jobs.length === 0) return undefined;
  const ids = jobs.flatMap(({ id }) => id ?? []);
  const numbered = ids.length > 0 ? await tasksOf(`--jobs=${ids}`) : [];
  const found = new Map<Hash, QueuedTask | undefined>();
  for (const { id, name: own, tasks } of jobs) {
    const queued = id === undefined ? await tasksOf(`--name=${own}`) : numbered;
    for (const [i, hash] of Object.entries(tasks)) {
      found.set(
        hash,
        queued.find(({ task }) => (id === undefined ? task.endsWith(`_${i}`) : task === `${id}_${i}`)),
      );
    }
  }
  return found;
}

/** The number of the job of this name that is in the queue. @throws QueueError */
export async function findJob(name: string): Promise<string | undefined> {
  const [first] = await tasksOf(`--name=${name}`);
  return first?.task.split('_')[0];
}

/** Takes jobs out of Slurm's queue, or ends them. @returns what scancel says where it fails. */
export async function scancel(jobs: readonly SlurmJob[]): Promise<string | undefined> {
  const ids = jobs.flatMap(({ id }) => id ?? []);
  const names = jobs.flatMap(({ id, name }) => (id === undefined && name !== undefined ? `--name=${name}` : []));
  const problems: string[] = [];
  for (const which of [ids, ...names]) {
    if (which.length === 0) continue;
    const ended = await (await quiet())`scancel ${which}`;
    if (ended.exitCode !== 0 && !/invalid job id|already complet/i.test(ended.stderr)) problems.push(complaint(ended));
  }
  return problems.length > 0 ? problems.join('; ') : undefined;
}

/**
 * Takes a grid's jobs out of Slurm's queue.
 * @throws Error which names them, where Slurm does not do it.
 * @example
 * ```ts
 * await cancelRuns('results', grid); // their tasks end as soon as they start
 * await cancelJobs('results', grid.name);
 * ```
 */
export async function cancelJobs(root: string, name: string): Promise<void> {
  const jobs = await submittedJobs(root, name);
  const problem = await scancel(jobs);
  if (problem === undefined) return;
  throw new Error(
    `Its jobs ${namesOf(jobs)} could not be taken out of Slurm's queue: ${problem}. Their tasks end as soon as they start; try again to take them out.`,
  );
}

/** Numbers, and names where those are not known. */
export const namesOf = (jobs: readonly SlurmJob[]) => jobs.map(({ id, name }) => id ?? name).join(', ');

/**
 * Puts a task that is running into the queue again. Where Slurm has ended it already, by cancelling or requeueing it, it knows what comes next.
 * @param wait seconds between attempts, as Slurm may be too busy to answer.
 * @throws Error where it does not answer.
 */
export async function requeue(
  task: string,
  {
    attempts = 5,
    wait = 10,
    log = console.log,
  }: { attempts?: number; wait?: number; log?: (line: string) => void } = {},
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const [state] = await squeue(`--jobs=${task}`, '%T');
      if (state?.trim() !== 'RUNNING') return;
      log(`${task} was told to stop; puts itself into the queue again`);
      await (await shell({ quiet: true }))`scontrol requeue ${task}`;
      return;
    } catch (error) {
      if (attempt < attempts) {
        await sleep(1000 * wait);
        continue;
      }
      throw new Error(
        `${task} was told to stop, and could not be put into the queue again: ${complaint(error as Error)}. Its checkpoint is kept: start the grid again to go on.`,
        { cause: error },
      );
    }
  }
}
