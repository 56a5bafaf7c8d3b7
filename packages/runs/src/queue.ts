/** The local launcher: a queue of runs, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { availableParallelism, freemem, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { counted } from '@refconv/datasets/text';
import { fileError, holderOf } from '@refconv/files';
import {
  BUSY,
  CANCELLED,
  isDone,
  LOCK,
  LOG,
  markFailed,
  prepareRun,
  readFailure,
  readResult,
  runFolder,
  STOPPED,
  shortHash,
} from './folder.js';
import type { RunList } from './grid.js';
import { appendToLedger, isRowOf, readLedger, rebuildLedger } from './ledger.js';
import { placeOf } from './place.js';
import { shell } from './shell.js';
import { type Hash, neededRuns, type Spec } from './spec.js';

export const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** How often a run whose process was killed is started again before it counts as failed. */
const RESTARTS = 10;
/** How often runs that other processes are doing are looked at, in milliseconds. */
const POLL = 500;

export interface QueueOptions {
  /** Processes at the same time: a run takes as many as its spec says. Default: {@link workersFor}. */
  workers?: number;
  /** Gigabytes that a process is thought to need. Default: 2. */
  memory?: number;
  signal?: AbortSignal;
  log?: (line: string) => void;
}

export interface Outcome {
  done: number;
  failed: Hash[];
  /** Neither done nor failed: cancelled, stopped, or waiting for one that failed. */
  left: number;
}

/** The NVIDIA GPUs that may be used: what CUDA_VISIBLE_DEVICES says, which Slurm sets too, or else all of the machine. */
export async function gpus(): Promise<string[]> {
  const { CUDA_VISIBLE_DEVICES: visible } = process.env;
  if (visible !== undefined) return visible.split(',').filter((id) => id !== '');
  const $ = await shell({ quiet: true, nothrow: true });
  const { exitCode, stdout } = await $`nvidia-smi --query-gpu=index --format=csv,noheader`;
  return exitCode === 0 ? stdout.trim().split(/\s+/) : [];
}

/** Processes of a run, each of which takes a worker's place. */
const slotsOf = ({ processes = 1 }: Pick<Spec, 'processes'>) => processes;

/** The GPUs that a grid's runs are spread over; none where they are for a CPU. @throws Error where there are none. */
async function gpusFor({ runs }: Pick<RunList, 'runs'>): Promise<string[]> {
  if (Object.values(runs).every(({ threads }) => threads !== null)) return [];
  const found = await gpus();
  if (found.length > 0) return found;
  throw new Error(
    'The grid is for GPUs, and there is none here by nvidia-smi or CUDA_VISIBLE_DEVICES; --set threads=N is for a CPU.',
  );
}

/**
 * As many workers as cores and memory allow, at least one; on GPUs one each.
 * @example
 * ```ts
 * const workers = await workersFor(grid, 2); // of 2 GB each
 * ```
 */
export async function workersFor(grid: RunList, memory = 2): Promise<number> {
  const found = await gpusFor(grid);
  if (found.length > 0) return found.length;
  const threads = Object.values(grid.runs).map((spec) => spec.threads ?? 1);
  const byCores = Math.floor(availableParallelism() / Math.max(1, ...threads));
  return Math.max(1, Math.min(byCores, Math.floor(freemem() / (memory * 2 ** 30))));
}

/**
 * Does a grid's runs: what a run starts from before it, and none that is done. Started again after anything, it goes on. Several
 * launchers, on machines that share a disk, may work on one grid.
 * @example
 * ```ts
 * const { done, failed, left } = await runQueue('results', grid, { workers: 2, log: console.log });
 * ```
 */
export async function runQueue(root: string, grid: RunList, options: QueueOptions = {}): Promise<Outcome> {
  const queue = new Queue(root, grid, options);
  return queue.run();
}

class Queue {
  private readonly log: (line: string) => void;
  private readonly ready: Hash[] = [];
  private readonly children = new Map<Hash, Hash[]>();
  private readonly processes = new Map<Hash, ChildProcess>();
  /** Runs that other processes are doing; true: on this machine. */
  private readonly elsewhere = new Map<Hash, boolean>();
  private readonly restarts = new Map<Hash, number>();
  private readonly failed: Hash[] = [];
  private freeGpus: string[] = [];
  private done = 0;
  private wake = () => {};

  constructor(
    private readonly root: string,
    private readonly grid: RunList,
    private readonly options: QueueOptions,
  ) {
    this.log = options.log ?? console.log;
  }

  async run(): Promise<Outcome> {
    const { signal, memory } = this.options;
    const workers = this.options.workers ?? (await workersFor(this.grid, memory));
    this.freeGpus = await gpusFor(this.grid);
    for (const [hash, spec] of Object.entries(this.grid.runs)) {
      for (const needed of neededRuns(spec)) this.children.set(needed, [...(this.children.get(needed) ?? []), hash]);
    }
    for (const hash of Object.keys(this.grid.runs)) {
      if (isDone(this.root, hash)) this.done++;
      else if (this.canStart(hash)) this.ready.push(hash);
    }
    const total = Object.keys(this.grid.runs).length;
    this.log(`${this.grid.name}: ${counted(total, 'run')}, ${this.done} done, ${workers} at a time`);
    const stop = () => {
      for (const child of this.processes.values()) child.kill('SIGINT');
      this.wake();
    };
    signal?.addEventListener('abort', stop);
    try {
      for (;;) {
        while (!signal?.aborted && this.hasRoom(workers)) {
          const hash = this.ready.shift() as Hash;
          // One run's folder that cannot be used is no reason to leave the others.
          await this.start(hash).catch((error: Error) => this.fail(hash, error.message));
        }
        if (this.processes.size === 0 && (signal?.aborted || (this.ready.length === 0 && this.elsewhere.size === 0)))
          break;
        await this.next();
      }
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    await this.completeLedger();
    return { done: this.done, failed: this.failed, left: total - this.done - this.failed.length };
  }

  /** Whether the next run may start: one that measures time runs alone. */
  private hasRoom(workers: number): boolean {
    const [next] = this.ready;
    if (next === undefined) return false;
    const here = [...this.processes.keys(), ...[...this.elsewhere].flatMap(([hash, isHere]) => (isHere ? [hash] : []))];
    const spec = this.grid.runs[next] as Spec;
    // Without a GPU of its own it would be done on the processor, whatever its spec says.
    if (spec.threads === null && this.freeGpus.length < slotsOf(spec) && this.processes.size > 0) return false;
    if (here.length === 0) return true;
    const measures = (hash: Hash) => this.grid.runs[hash]?.analysis?.id === 'cost';
    if (measures(next) || here.some(measures)) return false;
    const slots = [next, ...here].map((hash) => slotsOf(this.grid.runs[hash] ?? {}));
    return slots.reduce((sum, count) => sum + count, 0) <= workers;
  }

  /** Waits until a process ends, or looks at the runs of others. */
  private async next(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    if (this.elsewhere.size === 0) return woken;
    await Promise.race([woken, sleep(POLL)]);
    for (const hash of [...this.elsewhere.keys()]) {
      const holder = await holderOf(join(runFolder(this.root, hash), LOCK));
      if (holder) continue;
      this.elsewhere.delete(hash);
      if (isDone(this.root, hash)) this.finish(hash);
      else this.ready.unshift(hash);
    }
  }

  private async start(hash: Hash): Promise<void> {
    if (isDone(this.root, hash)) return this.finish(hash);
    const spec = this.grid.runs[hash] as Spec;
    const folder = await prepareRun(this.root, hash, spec);
    if (existsSync(join(folder, CANCELLED))) return;
    const failure = await readFailure(folder);
    if (failure) return this.fail(hash, failure.reason);
    const holder = await holderOf(join(folder, LOCK));
    if (holder) {
      this.elsewhere.set(hash, holder.host === hostname());
      return;
    }
    const own = spec.threads === null ? this.freeGpus.splice(0, slotsOf(spec)) : undefined;
    // Without waiting for a reader where a FIFO stands in its place.
    const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = constants;
    const path = join(folder, LOG);
    const output = await open(path, O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK).catch((error) => {
      throw fileError(`Opening ${path}`, error);
    });
    // In a process group of its own: Ctrl-C reaches the launcher alone, which passes it on once.
    const child = spawn(process.execPath, [WORKER, folder], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env: { ...process.env, ...(own && { CUDA_VISIBLE_DEVICES: own.join(',') }) },
    });
    await output.close();
    this.processes.set(hash, child);
    child.on('exit', (code, killer) => {
      this.freeGpus.push(...(own ?? []));
      void this.ended(hash, code, killer).then(() => this.wake());
    });
  }

  private async ended(hash: Hash, code: number | null, killer: NodeJS.Signals | null): Promise<void> {
    const folder = runFolder(this.root, hash);
    this.processes.delete(hash);
    if (isDone(this.root, hash)) return this.finish(hash);
    if (code === STOPPED) return;
    if (code === BUSY) {
      this.elsewhere.set(hash, true);
      return;
    }
    const failure = await readFailure(folder);
    if (failure) return this.fail(hash, failure.reason);
    const times = 1 + (this.restarts.get(hash) ?? 0);
    this.restarts.set(hash, times);
    const how = killer ? `was killed by ${killer}` : `ended with status ${code}`;
    if (times > RESTARTS) {
      const reason = `Its process ${how}, for the ${times}th time. Too little memory? ${join(folder, LOG)} may tell.`;
      // On a disk that is full even that may fail.
      await markFailed(this.root, hash, reason).catch((error: Error) => this.log(error.message));
      return this.fail(hash, reason);
    }
    this.log(`${this.describe(hash)}: its process ${how}; starting it again`);
    this.ready.unshift(hash);
  }

  private finish(hash: Hash): void {
    this.done++;
    this.log(`${this.describe(hash)}: done (${this.done} of ${Object.keys(this.grid.runs).length})`);
    // Before other baselines: it frees a table's row.
    const next = (this.children.get(hash) ?? []).filter((child) => !isDone(this.root, child) && this.canStart(child));
    this.ready.unshift(...next);
  }

  /** Whether what it needs is done. */
  private canStart(hash: Hash): boolean {
    return neededRuns(this.grid.runs[hash] as Spec).every((needed) => isDone(this.root, needed));
  }

  private fail(hash: Hash, reason: string): void {
    this.failed.push(hash);
    this.log(`${this.describe(hash)}: failed: ${reason}`);
  }

  private describe(hash: Hash): string {
    const row = this.grid.rows.find((row) => row.hash === hash);
    return row ? `${placeOf(row)} (${shortHash(hash)})` : shortHash(hash);
  }

  /** Rows whose processes were killed between result and ledger, also of runs that were done again. */
  private async completeLedger(): Promise<void> {
    const rows = await readLedger(this.root).catch(async (error: Error) => {
      this.log(`${error.message} It is made anew now.`);
      await rebuildLedger(this.root, this.log);
      return readLedger(this.root);
    });
    const there = new Map(rows.map((row) => [row.hash, row]));
    for (const hash of Object.keys(this.grid.runs)) {
      const result = await readResult(this.root, hash);
      if (result && !isRowOf(there.get(hash), result)) await appendToLedger(this.root, result, this.log);
    }
  }
}
