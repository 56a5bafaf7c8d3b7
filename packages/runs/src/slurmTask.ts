/**
 * A task of a Slurm array: `node slurmTask.js ROOT TASKS`, where TASKS is a file that says which run is whose. It does its run as the local
 * launcher does. Slurm sends SIGTERM some time before the time limit, before a task of higher priority takes its place, and when
 * the task is cancelled or requeued: the run then stops with a checkpoint, and but for a cancelled one goes on in the task's next attempt.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '@refconv/files';
import { CANCELLED, readSpec, runFolder, STOPPED } from './folder.js';
import { runQueue } from './queue.js';
import { requeue } from './slurmJobs.js';
import type { Hash, Spec } from './spec.js';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());

const [root, list] = process.argv.slice(2) as [string, string];
const { SLURM_ARRAY_JOB_ID: job, SLURM_ARRAY_TASK_ID: index } = process.env;
const hash = (await readJson<Record<string, Hash>>(list))?.[index as string] as Hash;
const spec = (await readSpec(root, hash)) as Spec;

const task = { name: `${job}_${index}`, rows: [], runs: { [hash]: spec } };
const { done } = await runQueue(root, task, { workers: 1, signal: stop.signal });
if (done === 0) {
  process.exitCode = stop.signal.aborted ? STOPPED : 1;
  if (stop.signal.aborted && !existsSync(join(runFolder(root, hash), CANCELLED))) await requeue(`${job}_${index}`);
}
