/** The cluster that the environment describes: REFCONV_CLUSTER, TF_CONFIG, or the variables of a Slurm step. */
import { z } from 'zod';
import type { ClusterOptions } from './cluster.js';

/** The form of TF_CONFIG, as tf.distribute's MultiWorkerMirroredStrategy reads it. */
const Config = z.strictObject({
  cluster: z.strictObject({ chief: z.array(z.string()).max(1).default([]), worker: z.array(z.string()).default([]) }),
  task: z.strictObject({ type: z.enum(['chief', 'worker']), index: z.int().min(0) }),
  /** Not TensorFlow's: {@link ClusterOptions.timeout}. */
  timeout: z.number().positive().optional(),
});

/**
 * What to join by {@link joinCluster}, in this order:
 * - `REFCONV_CLUSTER`, in the form of TF_CONFIG;
 * - `TF_CONFIG`: `{ "cluster": { "worker": ["host:port", …] }, "task": { "type": "worker", "index": 0 } }`, a chief being task 0;
 * - a step of Slurm with several tasks (`srun --ntasks=2`): tasks and nodes from its variables; ports are those that were reserved
 *   (`--resv-ports`), else follow from the job's number.
 *
 * @returns undefined where it says nothing of a cluster.
 * @throws {Error} where what it says cannot be understood.
 * @example
 * ```ts
 * import { clusterFromEnvironment, joinCluster } from '@refconv/tensorflow';
 *
 * const cluster = clusterFromEnvironment();
 * if (cluster) await joinCluster(cluster);
 * ```
 */
export function clusterFromEnvironment(env: NodeJS.ProcessEnv = process.env): ClusterOptions | undefined {
  for (const name of ['REFCONV_CLUSTER', 'TF_CONFIG']) if (env[name]) return configured(name, env[name]);
  // Not SLURM_NTASKS: a batch script has that too, and is no task.
  return Number(env.SLURM_STEP_NUM_TASKS ?? 1) > 1 ? slurmStep(env) : undefined;
}

/** The variables by which {@link clusterFromEnvironment} finds a cluster. */
export const clusterVariables = ({ task, addresses, timeout }: ClusterOptions) => ({
  REFCONV_CLUSTER: JSON.stringify({
    cluster: { worker: addresses },
    task: { type: 'worker', index: task },
    ...(timeout !== undefined && { timeout }),
  }),
});

function configured(name: string, text: string): ClusterOptions {
  let config: z.infer<typeof Config>;
  try {
    config = Config.parse(JSON.parse(text));
  } catch (error) {
    const why =
      error instanceof z.ZodError ? z.prettifyError(error).replace(/\s*\n\s*/g, ' ') : (error as Error).message;
    throw new Error(
      `${name} cannot be used: ${why}. Expected {"cluster":{"worker":["host:port", …]},"task":{"type":"worker","index":0}}; given ${text}`,
    );
  }
  const { cluster, task, timeout } = config;
  const number = task.type === 'worker' ? cluster.chief.length + task.index : task.index;
  return { task: number, addresses: [...cluster.chief, ...cluster.worker], ...(timeout !== undefined && { timeout }) };
}

/** The first port, and how many there are: below those that Linux hands out by itself. */
const [FIRST_PORT, PORTS, PORTS_OF_A_JOB] = [12768, 20000, 16];

function slurmStep(env: NodeJS.ProcessEnv): ClusterOptions {
  const given = (name: string): string => {
    const value = env[name];
    if (value) return value;
    throw new Error(
      `SLURM_STEP_NUM_TASKS is ${env.SLURM_STEP_NUM_TASKS}, but ${name} is missing. Start the tasks by srun, or set REFCONV_CLUSTER.`,
    );
  };
  const hosts = expandHostList(given('SLURM_STEP_NODELIST'));
  const counts = taskCounts(given('SLURM_STEP_TASKS_PER_NODE'));
  const reserved = env.SLURM_STEP_RESV_PORTS ? expandNumbers(env.SLURM_STEP_RESV_PORTS).map(Number) : [];
  const first = Number(given('SLURM_JOB_ID')) * PORTS_OF_A_JOB;
  // Tasks are numbered node by node, as srun does unless it is told otherwise.
  const addresses = hosts.flatMap((host, node) =>
    Array.from({ length: counts[node] ?? 0 }, (_, i) => `${host}:${reserved[i] ?? FIRST_PORT + ((first + i) % PORTS)}`),
  );
  if (addresses.length !== Number(env.SLURM_STEP_NUM_TASKS))
    throw new Error(
      `Slurm says ${env.SLURM_STEP_NUM_TASKS} tasks, and ${addresses.length} by SLURM_STEP_NODELIST=${env.SLURM_STEP_NODELIST} and ` +
        `SLURM_STEP_TASKS_PER_NODE=${env.SLURM_STEP_TASKS_PER_NODE}. Set REFCONV_CLUSTER instead.`,
    );
  return { task: Number(given('SLURM_PROCID')), addresses };
}

/** `2(x3),1`: two tasks on each of the first three nodes, one on the fourth. */
function taskCounts(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, count, times = '1'] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return Array<number>(Number(times)).fill(Number(count));
  });
}

/** `01-03,07`: 01, 02, 03, 07, with the zeros that the first of a range has. */
function expandNumbers(text: string): string[] {
  return text.split(',').flatMap((part) => {
    const [from = '', to = from] = part.split('-');
    const length = Number(to) - Number(from) + 1;
    return Array.from({ length }, (_, i) => String(Number(from) + i).padStart(from.length, '0'));
  });
}

/** The names of nodes as Slurm writes them: `node[01-03,07],gpu5`; several brackets in a name multiply. */
export function expandHostList(text: string): string[] {
  const names = text.match(/(?:[^,[]|\[[^\]]*\])+/g) ?? [];
  return names.flatMap(expandName);
}

function expandName(name: string): string[] {
  const [, before = '', inside, after = ''] = /^([^[]*)\[([^\]]*)\](.*)$/.exec(name) ?? [];
  if (inside === undefined) return [name];
  return expandNumbers(inside).flatMap((number) => expandName(after).map((rest) => before + number + rest));
}
