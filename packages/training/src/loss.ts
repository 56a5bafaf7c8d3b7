/** What a step makes less: cross entropy, softmax or binary, and the distance from a teacher. */
import { softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Recipe } from './recipe.js';

/**
 * The loss of a batch.
 * @param logits [n, classes].
 * @param labels class numbers, int32 [n], or what is true of each class, float32 [n, classes]: of mixed images shares, of images with several labels
 *   0 or 1.
 * @param teacher the teacher's logits [n, classes], where the recipe distils.
 * @returns the mean over the images; differentiable with respect to the logits.
 * @example
 * ```ts
 * const loss = lossOf(model.predict(images) as tf.Tensor2D, labels, { labelSmoothing: 0.1 });
 * ```
 */
export function lossOf(
  logits: Tensor2D,
  labels: Tensor1D | Tensor2D,
  { labelSmoothing, loss, distillation }: Pick<Recipe, 'labelSmoothing' | 'loss' | 'distillation'>,
  teacher?: Tensor2D,
): Scalar {
  const own =
    loss?.id === 'binary-cross-entropy'
      ? binaryCrossEntropy(logits, labels, { ...loss, labelSmoothing })
      : (tf.mean(softmaxCrossEntropy(logits, labels, { labelSmoothing })) as Scalar);
  if (!distillation || !teacher) return own;
  const { weight, temperature } = distillation;
  const distance = divergence(logits, teacher, temperature);
  if (weight === 1) return distance;
  return tf.add(tf.mul(own, 1 - weight), tf.mul(distance, weight));
}

interface BinaryOptions {
  /** ε: the target t of a class becomes (1 − ε)t + ε / classes. */
  labelSmoothing: number;
  threshold?: number;
  sumClasses?: boolean;
}

function binaryCrossEntropy(
  logits: Tensor2D,
  labels: Tensor1D | Tensor2D,
  { labelSmoothing, threshold, sumClasses = false }: BinaryOptions,
): Scalar {
  const [n, classes] = logits.shape;
  const given: Tensor = labels.rank === 1 ? tf.oneHot(labels as Tensor1D, classes) : labels;
  const smooth =
    labelSmoothing === 0
      ? tf.cast(given, 'float32')
      : tf.add(tf.mul(given, 1 - labelSmoothing), labelSmoothing / classes);
  const targets = threshold === undefined ? smooth : tf.cast(tf.greater(smooth, threshold), 'float32');
  // −t·log σ(z) − (1 − t)·log(1 − σ(z)) without an overflow.
  const each = tf.sub(tf.softplus(logits), tf.mul(logits, targets));
  return tf.div(tf.sum(each), sumClasses ? n : n * classes);
}

/** T² times the Kullback-Leibler divergence of the student's distribution from the teacher's, the mean over images. */
function divergence(logits: Tensor2D, teacher: Tensor2D, temperature = 1): Scalar {
  const known = tf.div(teacher, temperature) as Tensor2D;
  const targets = tf.softmax(known) as Tensor2D;
  const cross = softmaxCrossEntropy(tf.div(logits, temperature) as Tensor2D, targets);
  const entropy = softmaxCrossEntropy(known, targets);
  return tf.mul(tf.mean(tf.sub(cross, entropy)), temperature ** 2);
}
