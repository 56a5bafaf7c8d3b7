/** The processes that do one run together: each has a share of every batch. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { clusterFromEnvironment, launchCluster } from '@refconv/tensorflow/launch';
import { engineVariables } from './engine.js';
import { STOPPED } from './folder.js';
import { WORKER } from './queue.js';
import type { Spec } from './spec.js';

/** Whether this process is one of several, and does not have to start them. */
export const isShare = (): boolean => clusterFromEnvironment() !== undefined;

/** Makes this process one of a run's. @throws Error where there are more or fewer than the spec says. */
export async function joinShares({ processes = 1 }: Spec): Promise<void> {
  const cluster = processes > 1 ? clusterFromEnvironment() : undefined;
  if (!cluster) return;
  if (cluster.addresses.length !== processes)
    throw new Error(
      `The spec is for ${processes} processes, and the environment names ${cluster.addresses.length}: see docs/cluster.md.`,
    );
  const { joinCluster } = await import('@refconv/tensorflow');
  await joinCluster(cluster);
}

/**
 * Starts a run's processes and waits for them: within a job of Slurm as its tasks, otherwise on this machine.
 * @param signal has them stop after their step, with a checkpoint.
 * @returns their exit status.
 */
export async function startShares(folder: string, spec: Spec, signal: AbortSignal): Promise<number> {
  if (signal.aborted) return STOPPED;
  const { processes = 1 } = spec;
  const args = [WORKER, folder];
  const { SLURM_JOB_ID, SLURM_NTASKS } = process.env;
  if (SLURM_JOB_ID !== undefined && Number(SLURM_NTASKS) === processes) return srun(processes, args, signal);
  return launchCluster({ processes, args, env: engineVariables(spec), signal });
}

async function srun(processes: number, args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = [`--ntasks=${processes}`, '--kill-on-bad-exit=1'];
  const child = spawn('srun', [...options, process.execPath, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  // srun passes it on to all tasks.
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  const [code] = await once(child, 'close');
  return (code as number | null) ?? 1;
}
