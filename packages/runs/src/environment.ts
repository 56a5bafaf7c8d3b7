/** Where a run is computed. */
import { execFile } from 'node:child_process';
import { cpus, hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clusterSize, loadedInstallation } from '@refconv/tensorflow';
import { threadCount } from '@refconv/training';
import type { Environment } from './result.js';
import type { Spec } from './spec.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The checkout's commit, and whether files were changed since. */
async function checkout(): Promise<{ commit: string; changed: boolean }> {
  const git = (...args: string[]) =>
    promisify(execFile)('git', args, { cwd: HERE, maxBuffer: Number.POSITIVE_INFINITY }).catch(() => undefined);
  const head = await git('rev-parse', 'HEAD');
  if (!head) return { commit: 'unknown', changed: true };
  const status = await git('status', '--porcelain', '--untracked-files=no');
  return { commit: head.stdout.trim(), changed: status?.stdout.trim() !== '' };
}

/** @throws Error where the process does not compute as the spec says. */
export async function environment({ threads, processes = 1 }: Spec, data: string): Promise<Environment> {
  if (threads !== null && threads !== threadCount()) {
    throw new Error(
      `The spec is for ${threads} threads, and TensorFlow has ${threadCount()}: set TF_NUM_INTRAOP_THREADS=${threads}.`,
    );
  }
  if (threads === null && loadedInstallation.flavour === 'cpu') {
    throw new Error(
      'The spec is for a GPU, and the TensorFlow that was loaded is the one for processors: see `npm run doctor`, or --set threads=N.',
    );
  }
  if (processes !== clusterSize())
    throw new Error(`The spec is for ${processes} processes, and there are ${clusterSize()}: see docs/cluster.md.`);
  return {
    ...(await checkout()),
    tensorflow: `${loadedInstallation.version} (${loadedInstallation.flavour})`,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    host: hostname(),
    cpu: cpus()[0]?.model ?? 'unknown',
    device: threads === null ? `gpu ${process.env.CUDA_VISIBLE_DEVICES ?? ''}`.trim() : 'cpu',
    threads: threadCount(),
    ...(processes > 1 && { processes }),
    data,
  };
}
