/** What TensorFlow reads from its process's environment when it is loaded. */
import type { Spec } from './spec.js';

/** The variables for a run's process. */
export function engineVariables({ threads, analysis }: Spec): Record<string, string> {
  if (threads !== null) {
    const { TF_NUM_INTEROP_THREADS = '1' } = process.env;
    return { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS };
  }
  // The two networks of a cost are on the GPU at the same time; a process would take nearly all its memory at once.
  return analysis?.id === 'cost' ? { TF_FORCE_GPU_ALLOW_GROWTH: 'true' } : {};
}
