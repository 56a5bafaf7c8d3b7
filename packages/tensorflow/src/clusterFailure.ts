/** What TensorFlow says of a collective operation that failed, in a sentence that can be acted upon. */
import { currentCluster } from './cluster.js';

/** A task of the cluster ended, did not answer in time, or computes something else. TensorFlow cannot go on in this process: all tasks have to be started again. */
export class WorkerError extends Error {
  override name = 'WorkerError';
}

/** @param name of the compiled function that was called. */
export function collectiveFailure(name: string, error: unknown): Error {
  return new WorkerError(`${name}: ${(error as Error).message}`, { cause: error });
}
