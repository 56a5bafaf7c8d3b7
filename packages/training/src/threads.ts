/** The number of threads that TensorFlow computes an operation with: sums are split among them, so results depend on it. */
import { availableParallelism } from 'node:os';

/**
 * `TF_NUM_INTRAOP_THREADS`, or all cores where it is not set, as TensorFlow takes it.
 * @example
 * ```ts
 * threadCount({ TF_NUM_INTRAOP_THREADS: '2' }); // 2
 * ```
 */
export function threadCount(environment: NodeJS.ProcessEnv = process.env): number {
  const set = Number(environment.TF_NUM_INTRAOP_THREADS);
  return Number.isInteger(set) && set > 0 ? set : availableParallelism();
}
