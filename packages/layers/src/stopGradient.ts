/** A stop of gradients, which tfjs lacks. */
import * as tf from '@tensorflow/tfjs';

/**
 * The same values as a constant to every gradient. What has no gradient in tfjs (comparisons, tf.topk) may take part in a loss when it is
 * computed from such a copy.
 * @example
 * ```ts
 * const gradient = tf.grad((x) => tf.mul(x, stopGradient(x))); // of x·c, c = x: x, not 2x
 * ```
 */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  const engine = tf.engine();
  // As tf.clone does, but without an operation, so that no gradient ever sees it.
  engine.backend.incRef(x.dataId);
  return engine.makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype }) as T;
}
