/** Several processes of one program on this machine, as one cluster. Loads no TensorFlow. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterVariables } from './clusterEnvironment.js';
import { LAUNCHER, WORKER_FAILED } from './clusterProtocol.js';

export interface LaunchClusterOptions {
  /** How many processes, and so tasks. */
  processes: number;
  /** What Node runs: a script and its arguments, the same for all. */
  args: readonly string[];
  /** Variables besides those of this process. */
  env?: NodeJS.ProcessEnv;
  /** See `joinCluster`. */
  timeout?: number;
  /** Asks all to stop, as Ctrl-C does: they end by themselves after the same step. */
  signal?: AbortSignal;
  /** Takes what is to be told of a failure. Default: stderr. */
  log?: (line: string) => void;
}

/** After the first failure the others may tell their own for so long, then are asked to end, then made to; in milliseconds. */
const [PATIENCE, MERCY] = [2000, 1000];
/** The exit status of a process that was asked to stop, and has: all do so together, and the first has a checkpoint to write. */
const STOPPED = 130;
/** Of what a process but the first writes to stderr, so much is kept for the case that it fails. */
const KEPT = 4000;

/**
 * Starts the processes and waits until all have ended. The first one has this process's output; of the others only a failure is told. Where one
 * fails, is killed or does not answer, all are ended and that one is named; where this process ends, they do too.
 * They find their cluster by `clusterFromEnvironment`. Without a GPU the cores are shared out; else each has a GPU of its own.
 *
 * @returns the exit status: 0, or that of the first that failed.
 * @throws {RangeError} where there are fewer GPUs than processes.
 * @example
 * ```ts
 * import { launchCluster } from '@refconv/tensorflow/launch';
 *
 * process.exitCode = await launchCluster({ processes: 2, args: ['train.js'] });
 * ```
 */
export async function launchCluster(options: LaunchClusterOptions): Promise<number> {
  const { processes, args, timeout, signal, log = (line) => console.error(line) } = options;
  const addresses = (await freePorts(processes)).map((port) => `127.0.0.1:${port}`);
  const places = devicesFor(processes, { ...process.env, ...options.env });
  const workers = addresses.map((_, task) => {
    const env = {
      ...process.env,
      ...options.env,
      ...places[task],
      ...clusterVariables({ task, addresses, ...(timeout !== undefined && { timeout }) }),
      [LAUNCHER]: String(process.pid),
    };
    return new Worker(task, args, env);
  });
  // Each worker is of a group of its own, which a terminal's Ctrl-C does not reach: all are told the same, and once.
  const stop = () => {
    for (const worker of workers) worker.end('SIGINT');
  };
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  try {
    return await watch(workers, log);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

class Worker {
  private readonly child: ChildProcess;
  private said = '';
  /** How it ended. */
  code: number | undefined;
  killer: NodeJS.Signals | undefined;
  readonly ended: Promise<void>;

  constructor(
    readonly task: number,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    const stdio = task === 0 ? (['ignore', 'inherit', 'inherit'] as const) : (['ignore', 'ignore', 'pipe'] as const);
    this.child = spawn(process.execPath, args, { env, stdio: [...stdio], detached: true });
    this.child.stderr?.on('data', (text) => {
      this.said = (this.said + text).slice(-KEPT);
    });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.said = error.message;
        this.code = 1;
        resolve();
      });
      this.child.once('close', (code, killer) => {
        this.code ??= code ?? 1;
        this.killer = killer ?? undefined;
        resolve();
      });
    });
  }

  get failed(): boolean {
    return this.code !== undefined && this.code !== 0 && this.code !== STOPPED;
  }

  /** Not because of another one. */
  get isCause(): boolean {
    return this.failed && this.code !== WORKER_FAILED;
  }

  end(signal: NodeJS.Signals): void {
    if (this.code === undefined) this.child.kill(signal);
  }

  get story(): string {
    const how = this.killer ? `was killed by ${this.killer}` : `ended with status ${this.code}`;
    return `Worker ${this.task} ${how}.${this.said.trim() && ` It said:\n${this.said.trim()}`}`;
  }
}

/** @returns the exit status. */
async function watch(workers: readonly Worker[], log: (line: string) => void): Promise<number> {
  const all = Promise.all(workers.map(({ ended }) => ended));
  const failure = Promise.race(
    workers.map(({ ended }, i) => ended.then(() => (workers[i]?.failed ? undefined : new Promise(() => {})))),
  );
  await Promise.race([all, failure]);
  if (!workers.some(({ failed }) => failed)) return workers.some(({ code }) => code === STOPPED) ? STOPPED : 0;
  await Promise.race([all, sleep(PATIENCE, undefined, { ref: false })]);
  const frozen = workers.filter(({ code }) => code === undefined);
  const cause = workers.find(({ isCause }) => isCause);
  await endAll(workers, all);
  const status = cause?.killer ? 1 : (cause?.code ?? 1);
  if (cause && !cause.killer) {
    if (cause.task !== 0) log(cause.story); // the first has told its own
    return status;
  }
  if (cause) log(cause.story);
  else if (frozen.length > 0) log(`${listed(frozen)} did not answer any more, and the others gave up waiting.`);
  else log('The workers lost each other.');
  log('All workers have ended; the same command goes on from the last checkpoint.');
  return status;
}

const listed = (workers: readonly Worker[]) => workers.map(({ task }) => `Worker ${task}`).join(' and ');

async function endAll(workers: readonly Worker[], all: Promise<unknown>): Promise<void> {
  for (const worker of workers) worker.end('SIGTERM');
  await Promise.race([all, sleep(MERCY, undefined, { ref: false })]);
  for (const worker of workers) worker.end('SIGKILL');
  await all;
}

/** Free ports of this machine; they are held until all are found, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Of each process the variables that give it its GPU, or its share of the cores. */
function devicesFor(processes: number, env: NodeJS.ProcessEnv): Record<string, string>[] {
  const gpus = visibleGpus(env);
  if (gpus.length === 0) {
    const threads = env.TF_NUM_INTRAOP_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / processes)));
    return Array.from({ length: processes }, () => ({ TF_NUM_INTRAOP_THREADS: threads }));
  }
  if (gpus.length < processes)
    throw new RangeError(
      `${processes} processes need as many GPUs, and there are ${gpus.length} (${gpus.join(', ')}). Start fewer, or set CUDA_VISIBLE_DEVICES to nothing to compute on the cores.`,
    );
  return gpus.slice(0, processes).map((id) => ({ CUDA_VISIBLE_DEVICES: id }));
}

function visibleGpus({ CUDA_VISIBLE_DEVICES: visible, REFCONV_TENSORFLOW: flavour }: NodeJS.ProcessEnv): string[] {
  if (flavour === 'cpu') return [];
  if (visible !== undefined) return visible.split(',').filter((id) => id !== '' && id !== '-1');
  try {
    const query = ['--query-gpu=index', '--format=csv,noheader'];
    return execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split(/\s+/)
      .filter(Boolean);
  } catch {
    return []; // no driver
  }
}
