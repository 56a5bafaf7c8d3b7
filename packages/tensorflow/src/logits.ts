/** What logits say: the class, and the margin by which it is wrong, the loss that attacks climb. */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from './load.js';

/**
 * The class of the highest logit of each image, float32 [n]; of several the first, and −1 where a logit is NaN or infinite.
 * @param logits [n, classes].
 * @example
 * ```ts
 * const classes = predictedClass(model.predict(images) as tf.Tensor2D);
 * ```
 */
export function predictedClass(logits: Tensor2D): Tensor1D {
  return tf.tidy(() => {
    const classes = logits.shape[1];
    // Not by argMax, which leaves open which of several equal logits it names.
    const smaller = tf.cast(tf.less(logits, tf.max(logits, 1, true)), 'float32');
    const first = tf.min(tf.add(tf.range(0, classes), tf.mul(smaller, classes)), 1);
    return tf.where(tf.all(tf.isFinite(logits), 1), first, -1) as Tensor1D;
  });
}

/** Far above every logit, and so far that nothing is left of its exponential. */
const FAR = 1e9;

/**
 * m = log Σ_{j≠y} exp z_j − z_y of each image. Cross entropy is ln(1 + e^m), which grows with m, so both have gradients of the same direction;
 * but where the label's probability rounds to 1, cross entropy's gradient is 0 in float32, and the margin's is not.
 * @param logits [n, classes].
 * @param labels class numbers, int32 [n].
 * @returns [n]; differentiable with respect to the logits, once.
 * @throws Error where the labels' shape or type is another.
 * @example
 * ```ts
 * const margin = logitMargin(model.predict(images) as tf.Tensor2D, labels); // above 0 where the image is misclassified
 * ```
 */
export function logitMargin(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  const [n, classes] = logits.shape;
  if (labels.dtype !== 'int32' || labels.rank !== 1 || labels.shape[0] !== n) {
    throw new Error(`logitMargin needs labels int32 [${n}]; given ${labels.dtype} [${labels.shape}].`);
  }
  const margin = tf.customGrad((...given) => {
    const [z, save] = given as unknown as [Tensor2D, (tensors: Tensor[]) => void];
    const own = tf.oneHot(labels, classes);
    const others = tf.sub(z, tf.mul(own, FAR)) as Tensor2D;
    save([tf.sub(tf.softmax(others), own)]);
    const value = tf.sub(tf.logSumExp(others, 1), tf.sum(tf.mul(z, own), 1));
    return { value, gradFunc: (dy: Tensor, [slope]: Tensor[]) => tf.mul(tf.expandDims(dy, 1), slope as Tensor) };
  });
  return margin(logits) as Tensor1D;
}
