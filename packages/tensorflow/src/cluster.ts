/** This process as one task of a cluster: TensorFlow's own server, and what sessions and collective operations need of it. */
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAUNCHER } from './clusterProtocol.js';
import { LOG_LEVEL, nativeGraph } from './load.js';
import { encode } from './proto.js';

export interface ClusterOptions {
  /** Which of the addresses is this process's own. */
  task: number;
  /** `host:port` of each task: the same list in the same order in each process. */
  addresses: readonly string[];
  /** Seconds that a collective operation waits for the other tasks, and joining for their servers. Default: 600. */
  timeout?: number;
}

/** The cluster that this process belongs to. */
export interface Cluster {
  readonly task: number;
  /** How many tasks there are. */
  readonly tasks: number;
  readonly addresses: readonly string[];
  /** In seconds. */
  readonly timeout: number;
}

const DEFAULT_TIMEOUT = 600;
const LEADER = '/job:worker/replica:0/task:0';

/** From which level on TensorFlow logs: in a cluster it warns at every end of a healthy run, and what fails is thrown too. */
export const logLevel = (least = joined ? 3 : 0): number => Math.max(LOG_LEVEL, least);

let joined: (Cluster & { target: string }) | undefined;
/** Whether a session was opened while there was no cluster. */
let alone = false;
/** Collective operations so far: each has a number of its own, the same in all tasks. */
let instances = 0;

/**
 * The cluster that this process has joined.
 * @returns undefined where it has joined none.
 * @example
 * ```ts
 * import { currentCluster } from '@refconv/tensorflow';
 *
 * const { task, tasks } = currentCluster() ?? { task: 0, tasks: 1 };
 * console.log(`Task ${task} of ${tasks}`);
 * ```
 */
export function currentCluster(): Cluster | undefined {
  return joined;
}

/**
 * How many tasks share the work: 1 without a cluster.
 * @example
 * ```ts
 * import { clusterSize } from '@refconv/tensorflow';
 *
 * const share = 256 / clusterSize(); // images of a batch
 * ```
 */
export const clusterSize = (): number => joined?.tasks ?? 1;

/** How a session is opened: alone, or on this process's server. */
export function sessionPlace(): { target?: string; config?: object } {
  alone ||= !joined;
  if (!joined) return {};
  // Sessions of one server share variables by name unless they are isolated; the filter keeps them from waiting for the other tasks.
  const config = { isolateSessionState: true, deviceFilters: [`/job:worker/task:${joined.task}`] };
  return { target: joined.target, config };
}

/** Options of the runs that hold collective operations, and of no others: TensorFlow counts the runs with this key, in all tasks alike. */
export const COLLECTIVE_RUN = encode('RunOptions', { experimental: { collectiveGraphKey: 1 } });

/** The first number that is free for collective operations. */
export const nextInstance = (): number => instances + 1;

/** To be told how many a recording that is kept has taken. */
export function keepInstances(count: number): void {
  instances += count;
}

/**
 * Makes this process one task of a cluster: starts TensorFlow's server in it, and waits until those of all others answer. From then on
 * {@link allReduce} and its kin act over all tasks. Once a process, before its first `compile()`, and for its life: TensorFlow cannot leave a cluster.
 *
 * The server listens on all of the machine's network interfaces and asks nobody who they are: only for networks that are trusted.
 *
 * @throws {RangeError} where the options contradict each other.
 * @throws {Error} where this process has a cluster or has compiled something already, its port is taken, or tasks do not answer in time (says which).
 * @example
 * ```ts
 * import { joinCluster } from '@refconv/tensorflow';
 *
 * const task = Number(process.argv[2]); // 0 in one process, 1 in the other
 * await joinCluster({ task, addresses: ['127.0.0.1:27000', '127.0.0.1:27001'] });
 * ```
 */
export async function joinCluster({ task, addresses, timeout = DEFAULT_TIMEOUT }: ClusterOptions): Promise<Cluster> {
  if (joined) throw new Error('This process has joined a cluster already; TensorFlow cannot leave one.');
  if (alone)
    throw new Error(
      'joinCluster was called after compile(): what is compiled already is not part of it. Call it first.',
    );
  check({ task, addresses, timeout });
  endWithLauncher();
  const places = addresses.map(placeOf);
  const own = places[task] as Place;
  await requireFree(own.port);
  // gRPC would send what is meant for the others to the proxy that the environment names for the web.
  const { no_grpc_proxy: listed = process.env.no_proxy, NO_PROXY } = process.env;
  process.env.no_grpc_proxy = [listed ?? NO_PROXY, ...new Set(places.map(({ host }) => host))]
    .filter(Boolean)
    .join(',');
  nativeGraph.setLogLevel(logLevel(3));
  const target = nativeGraph.startServer(
    encode('ServerDef', {
      cluster: { job: [{ name: 'worker', tasks: Object.fromEntries(addresses.entries()) }] },
      jobName: 'worker',
      taskIndex: task,
      protocol: 'grpc',
      defaultSessionConfig: {
        allowSoftPlacement: true,
        gpuOptions: { allowGrowth: true },
        experimental: { collectiveGroupLeader: LEADER, collectiveNccl: true },
      },
    }),
  );
  await answers(places, timeout);
  joined = { task, tasks: addresses.length, addresses: [...addresses], timeout, target };
  return joined;
}

/** Else a launcher that is killed would leave workers behind, which wait for each other. */
function endWithLauncher(): void {
  const launcher = process.env[LAUNCHER];
  if (launcher === undefined) return;
  nativeGraph.endWithParent();
  if (process.ppid !== Number(launcher)) throw new Error('The launcher of this process has ended.');
}

interface Place {
  address: string;
  host: string;
  port: number;
}

function placeOf(address: string): Place {
  const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? [];
  if (host === undefined || !(Number(port) >= 1 && Number(port) <= 65535))
    throw new RangeError(`A task's address must be host:port, with a port from 1 to 65535; given "${address}".`);
  return { address, host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function check({ task, addresses, timeout }: Required<ClusterOptions>): void {
  if (addresses.length === 0) throw new RangeError('A cluster needs the address of one task at least; given none.');
  const twice = addresses.find((address, i) => addresses.indexOf(address) !== i);
  if (twice !== undefined) throw new RangeError(`Each task needs an address of its own; ${twice} was given twice.`);
  if (!(Number.isInteger(task) && task >= 0 && task < addresses.length))
    throw new RangeError(
      `The task must be from 0 to ${addresses.length - 1}, as there are ${addresses.length} addresses; given ${task}.`,
    );
  if (!(timeout > 0 && timeout < 1e9))
    throw new RangeError(`The timeout must be a number of seconds above 0; given ${timeout}.`);
}

/** TensorFlow says of a port that is taken only that the server could not be started, and may share it. */
function requireFree(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'another program listens on it' : error.message;
      reject(
        new Error(`Port ${port} cannot be used for this task: ${why}. Give the task another port, in all processes.`),
      );
    });
    server.listen(port, () => server.close(() => resolve()));
  });
}

/** Waits for the others' ports: a task that waits for the first one's server within TensorFlow knows no timeout. */
async function answers(places: readonly Place[], timeout: number): Promise<void> {
  const end = performance.now() + 1000 * timeout;
  let missing = [...places];
  for (;;) {
    const there = await Promise.all(missing.map(isThere));
    missing = missing.filter((_, i) => !there[i]);
    if (missing.length === 0) return;
    if (performance.now() > end) {
      const names = missing.map((place) => `${places.indexOf(place)} (${place.address})`).join(', ');
      throw new Error(
        `After ${timeout} s these tasks do not answer: ${names}. See that they run, with the same list of addresses, and can be reached from here.`,
      );
    }
    await sleep(50);
  }
}

function isThere({ host, port }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => end(false));
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
