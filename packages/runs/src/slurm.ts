/** The Slurm launcher: sbatch arrays whose tasks are runs. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder, withLock, writeAtomically } from '@refconv/files';
import { CANCELLED, FAILURE, isDone, json, prepareRun, runFolder } from './folder.js';
import type { Grid } from './grid.js';
import { shell } from './shell.js';
import {
  complaint,
  findJob,
  namesOf,
  type QueueError,
  type SlurmJob,
  scancel,
  slurmFolder,
  slurmQueue,
  submittedJobs,
  writeJobs,
} from './slurmJobs.js';
import { type Hash, neededRuns, type Spec } from './spec.js';

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
  /** Of each run; left out: one. */
  processes?: number;
  /** Its runs measure time: each has its node to itself. */
  alone?: true;
}

/** What is submitted, and what is not as it starts from a run that failed or was cancelled. */
export interface Submission {
  jobs: SlurmJob[];
  left: Hash[];
}

const TASK = fileURLToPath(new URL('./slurmTask.js', import.meta.url));

/** The seconds before its time limit at which a task is told to stop. Slurm may do so a minute earlier than asked. */
const WARNING = 120;
/** The least time limit, in minutes: in a shorter one a task might not get further than its start, again and again. */
const SHORTEST = 10;

/**
 * Splits runs into arrays for `--dependency=aftercorr`, in which a task waits for the task of the same index: all that start from
 * nothing, or from a run that is done, are arrays of their own (for each number of threads, of the largest size that is allowed; those that measure time apart); the
 * first runs that start from these are the next array, their second ones another.
 */
export function slurmArrays(runs: Record<Hash, Spec>, largest = Number.POSITIVE_INFINITY): SlurmArray[] {
  const arrays: SlurmArray[] = [];
  const placeOf = new Map<Hash, { array: number; index: number }>();
  const roots = new Map<string, number>();
  const add = (array: SlurmArray) => arrays.push(array) - 1;
  for (const [hash, spec] of Object.entries(runs)) {
    const { threads, analysis, processes } = spec;
    const several = processes !== undefined && { processes };
    const parent = neededRuns(spec)
      .map((needed) => placeOf.get(needed))
      .find((place) => place !== undefined);
    let number: number;
    let index: number;
    if (parent) {
      const fits = ({ after, tasks, ...array }: SlurmArray) =>
        after === parent.array &&
        array.threads === threads &&
        array.processes === processes &&
        !tasks.has(parent.index);
      index = parent.index;
      number = arrays.findIndex(fits);
      if (number < 0) number = add({ after: parent.array, tasks: new Map(), threads, ...several });
    } else {
      const alone = analysis?.id === 'cost' && { alone: true as const };
      const kind = JSON.stringify([threads, alone, processes]);
      number = roots.get(kind) ?? add({ tasks: new Map(), threads, ...alone, ...several });
      if ((arrays[number]?.tasks.size as number) >= largest)
        number = add({ tasks: new Map(), threads, ...alone, ...several });
      roots.set(kind, number);
      index = arrays[number]?.tasks.size as number;
    }
    arrays[number]?.tasks.set(index, hash);
    placeOf.set(hash, { array: number, index });
  }
  return arrays;
}

/** The job script of an array; what its tasks do is in slurmTask.ts. */
export function jobScript(
  name: string,
  { tasks, threads, processes = 1, alone }: SlurmArray,
  options: SlurmOptions & { root: string; folder: string; list: string },
): string {
  const { root, folder, list, account, partition, time = '24:00:00', memory = 2 } = options;
  const header = {
    'job-name': name,
    array: ranges([...tasks.keys()]),
    // %A: the array's id, %a: the task's index; a % of the path's is doubled.
    output: `${folder.replaceAll('%', '%%')}/%A_%a.log`,
    'open-mode': 'append',
    requeue: undefined,
    time,
    signal: `B:TERM@${WARNING}`,
    ntasks: String(processes),
    'cpus-per-task': String(threads ?? 1),
    // Several may be spread over nodes.
    ...(processes === 1
      ? { mem: `${Math.ceil(1024 * memory)}M` }
      : { 'mem-per-cpu': `${Math.ceil((1024 * memory) / (threads ?? 1))}M` }),
    'kill-on-invalid-dep': 'yes',
    ...(threads === null && (processes === 1 ? { gres: 'gpu:1' } : { 'gpus-per-task': '1' })),
    ...(alone && { exclusive: undefined }),
    ...(account && { account }),
    ...(partition && { partition }),
  };
  const lines = Object.entries(header).map(([key, value]) => `#SBATCH --${key}${value ? `=${inHeader(value)}` : ''}`);
  const command = [process.execPath, TASK, root, list].map((text) => `'${text.replaceAll("'", "'\\''")}'`);
  // A signal that comes before Node listens must not end the task.
  return `#!/bin/bash\n${lines.join('\n')}\ntrap '' TERM\nexec ${command.join(' ')}\n`;
}

const inHeader = (text: string) => (/^[\w.,:@%/=-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`);

/** Integers as Slurm writes them: 0-3,7. */
function ranges(indices: number[]): string {
  const found: [number, number][] = [];
  for (const index of indices.toSorted((a, b) => a - b)) {
    const last = found.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else found.push([index, index]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** @throws RangeError for what is no time limit of Slurm's, or too short a one. */
export function checkTime(time: string): void {
  if (/^(infinite|unlimited)$/i.test(time)) return;
  const [, days, rest] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(time) ?? [];
  if (!rest) {
    throw new RangeError(
      `--time ${time}: expected minutes, minutes:seconds, hours:minutes:seconds, days-hours or days-hours:minutes.`,
    );
  }
  // After days come hours; without them three numbers are hours, minutes and seconds, fewer are minutes and seconds.
  const [a = 0, b = 0, c = 0] = rest.split(':').map(Number);
  const hoursFirst = days !== undefined || rest.split(':').length === 3;
  const minutes = hoursFirst ? 1440 * Number(days ?? 0) + 60 * a + b + c / 60 : a + b / 60;
  if (minutes < SHORTEST) {
    throw new RangeError(
      `--time ${time}: at least ${SHORTEST} minutes are needed, as a run is stopped up to ${WARNING / 60 + 1} minutes before the limit, to go on in a next task.`,
    );
  }
}

/**
 * Submits what is neither done, failed nor cancelled, and does not start from such a run. Each job is written down before sbatch is asked
 * for it, so that one is found that Slurm took without an answer, or whose number a killed process did not come to write.
 * @throws Error where tasks of an earlier submission are in the queue, or may be as it cannot be read; nothing is submitted then.
 * @throws Error where sbatch fails: what was submitted is cancelled, and the message says what became of it.
 * @throws RangeError where the time limit is none, or too short.
 */
export async function submit(root: string, grid: Grid, options: SlurmOptions): Promise<Submission> {
  checkTime(options.time ?? '24:00:00');
  const $ = await shell({ quiet: true });
  const { stdout: config } = await $`scontrol show config`.catch((error) => {
    const why = String(error.stderr ?? '').trim();
    throw new Error(`Slurm cannot be reached; the launcher is to be started where jobs are submitted. ${why}`.trim());
  });
  const largest = Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1] ?? 1001);
  const folder = slurmFolder(root, grid.name);
  await makeFolder(folder);
  return withLock(join(folder, 'lock'), async () => {
    await checkQueue(root, grid.name);
    const { open, left } = await openRuns(root, grid);
    const jobs: SlurmJob[] = [];
    const submission = randomUUID().slice(0, 8);
    try {
      for (const [i, array] of slurmArrays(open, largest).entries()) {
        const list = join(folder, `array-${i}.json`);
        const script = join(folder, `array-${i}.sh`);
        const job: SlurmJob = { name: `${grid.name}-${i}-${submission}`, tasks: Object.fromEntries(array.tasks) };
        await writeAtomically(list, [json(job.tasks)]);
        const place = { root: resolve(root), folder, list };
        await writeFile(script, jobScript(job.name as string, array, { ...options, ...place }));
        const after = array.after === undefined ? [] : [`--dependency=aftercorr:${jobs[array.after]?.id}`];
        await writeJobs(root, grid.name, [...jobs, job]);
        jobs.push(job);
        const { stdout } = await $`sbatch --parsable ${after} ${script}`;
        job.id = /^(\d+)(;|$)/m.exec(stdout)?.[1];
        if (job.id === undefined) throw new Error(`sbatch printed no job's number, but '${stdout.trim()}'`);
        await writeJobs(root, grid.name, jobs);
      }
    } catch (error) {
      const outcome = await takeBack(grid.name, jobs, error as Error);
      await writeJobs(root, grid.name, jobs).catch(() => undefined);
      throw new Error(outcome, { cause: error });
    }
    return { jobs, left };
  });
}

/** @throws Error where tasks of the last submission are in Slurm's queue, or it is not known whether they are. */
async function checkQueue(root: string, name: string): Promise<void> {
  const queue = await slurmQueue(root, name).catch(async (error: Error) => {
    const jobs = namesOf(await submittedJobs(root, name));
    throw new Error(
      `${error.message}. Whether the jobs ${jobs} of ${name} are still in it is not known, and nothing is submitted: start again once \`squeue\` answers.`,
      { cause: error },
    );
  });
  const queued = [...(queue ?? new Map()).values()].filter((task) => task);
  if (queued.length > 0) {
    throw new Error(
      `${queued.length} tasks of ${name} are in Slurm's queue already: wait, or \`refconv experiment cancel ${name}\`.`,
    );
  }
}

/** sbatch did not hear from Slurm, which may yet do what it was asked. */
const UNHEARD = /timed? ?out|socket|communicat|connect|unable to contact|zero bytes|slurm_(send|receive)/i;

/** Cancels what was submitted before something failed, and with it the job that Slurm may have taken without saying so. @returns what became of it. */
async function takeBack(grid: string, jobs: SlurmJob[], error: Error & { stderr?: string }): Promise<string> {
  const why = error.stderr === undefined ? error.message.replace(/\.$/, '') : complaint(error);
  const open = jobs.find(({ id }) => id === undefined);
  const found = open && (await findJob(open.name as string).catch((unread: QueueError) => unread));
  if (open && typeof found === 'string') open.id = found;
  const numbered = jobs.filter(({ id }) => id !== undefined);
  const problem = await scancel(numbered);
  const again = `\`refconv experiment cancel ${grid}\``;
  const said = [];
  if (typeof found === 'string') said.push(`Slurm has taken the job all the same, as ${found}.`);
  if (problem !== undefined) {
    said.push(
      `The jobs ${namesOf(jobs)} could not be cancelled: ${problem}. They may be queued; ${again} tries again.`,
    );
  } else if (found instanceof Error || (open && found === undefined && UNHEARD.test(why))) {
    const queue = found instanceof Error ? found.message : 'It is not in the queue now';
    said.push(
      `Whether Slurm takes the job ${open?.name} is not known. ${queue}. ${again} takes it out once it is there.`,
    );
    if (jobs.length > 1) said.push('Those before it are cancelled.');
  } else if (found === undefined && error.stderr !== undefined) {
    return `sbatch refused, and nothing is submitted: ${why}.`;
  } else said.push('What was submitted is cancelled.');
  return `${error.stderr === undefined ? '' : 'sbatch failed: '}${why}. ${said.join(' ')}`;
}

/** The runs to do, and those that cannot start as what they start from will not be done. */
async function openRuns(root: string, grid: Grid): Promise<{ open: Record<Hash, Spec>; left: Hash[] }> {
  const open: Record<Hash, Spec> = {};
  const left: Hash[] = [];
  for (const [hash, spec] of Object.entries(grid.runs)) {
    if (isDone(root, hash)) continue;
    if ([FAILURE, CANCELLED].some((file) => existsSync(join(runFolder(root, hash), file)))) continue;
    const undone = neededRuns(spec).filter((needed) => !isDone(root, needed));
    // A task waits for one other alone: a run that needs two is left for when one of them is done.
    if (undone.length > 1 || undone.some((needed) => !open[needed])) {
      left.push(hash);
      continue;
    }
    open[hash] = spec;
    await prepareRun(root, hash, spec);
  }
  return { open, left };
}
