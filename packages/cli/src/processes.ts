/** A command that several processes do together: docs/cluster.md. */
import type { ClusterOptions } from '@refconv/tensorflow';
import { clusterFromEnvironment, isLost, LAUNCHER, launchCluster, WORKER_FAILED } from '@refconv/tensorflow/launch';
import { stopAtInterrupt } from '@refconv/training/stop';

/**
 * Does `command` as one of several processes, where the environment says so; starts them where it does not.
 * @param processes how many are wanted; left out: as many as REFCONV_CLUSTER or TF_CONFIG name, or this one alone.
 */
export async function together(processes: number | undefined, command: () => Promise<void>): Promise<void> {
  const cluster = clusterOf(processes);
  if (!cluster && (processes ?? 1) > 1) {
    const args = [...process.execArgv, ...process.argv.slice(1)];
    const { signal, dispose } = stopAtInterrupt(''); // the first process says it
    process.exitCode = await launchCluster({ processes: processes as number, args, signal });
    return dispose();
  }
  if (!cluster) return command();
  const { joinCluster } = await import('@refconv/tensorflow');
  await joinCluster(cluster);
  try {
    await command();
  } catch (error) {
    // The launcher tells which one was lost.
    if (!(isLost(error) && process.env[LAUNCHER])) throw error;
    process.exitCode = WORKER_FAILED;
  }
}

function clusterOf(processes: number | undefined): ClusterOptions | undefined {
  const { REFCONV_CLUSTER, TF_CONFIG } = process.env;
  // Tasks of a Slurm step may as well be trainings of their own.
  if (processes === undefined && !REFCONV_CLUSTER && !TF_CONFIG) return undefined;
  const cluster = clusterFromEnvironment();
  const tasks = cluster?.addresses.length ?? 1;
  if (cluster && processes !== undefined && tasks !== processes)
    throw new Error(
      `--processes ${processes} was given, and the environment names ${tasks}: leave it out, or give ${tasks}.`,
    );
  return tasks > 1 ? cluster : undefined;
}
