/** The loss of segmentation: cross entropy over the pixels that count. */
import * as tf from '@tensorflow/tfjs';

/** The label of pixels that do not count. */
export const IGNORED = 255;

/** Kernels that @refconv/tensorflow registers; on other backends the same is composed of plain operations. */
const CROSS_ENTROPY = 'SparseSoftmaxCrossEntropy';
const CHECK_FINITE = 'CheckFinite';

const NONE_COUNTS = (ignore: number) =>
  `No pixel of the batch counts: every label is ${ignore}, which is ignored. Leave such images out.`;

/**
 * Mean softmax cross entropy over those pixels of the whole batch whose label is not `ignore`.
 * @param logits [n, h, w, classes].
 * @param labels class numbers, int32 [n, h, w].
 * @throws Error where no pixel counts (PyTorch gives NaN), where a label is no class, and where the shapes do not fit.
 * @example
 * ```ts
 * const truth = tf.zeros<tf.Rank.R3>([1, 360, 480], 'int32');
 * const loss = pixelCrossEntropy(model.predict(images) as tf.Tensor4D, truth); // pixels of 255 do not count
 * ```
 */
export function pixelCrossEntropy(logits: tf.Tensor4D, labels: tf.Tensor3D, ignore = IGNORED): tf.Scalar {
  const [n, height, width] = logits.shape;
  if (labels.dtype !== 'int32' || String(labels.shape) !== String([n, height, width])) {
    throw new Error(
      `The loss of segmentation was given logits [${logits.shape}] and labels ${labels.dtype} [${labels.shape}]; expected labels int32 ` +
        `[${[n, height, width]}].`,
    );
  }
  return tf.tidy(() => {
    const { losses, mask } = pixelLosses(logits, labels, ignore);
    return tf.mul(tf.sum(losses), oneOver(tf.sum(mask), NONE_COUNTS(ignore))) as tf.Scalar;
  });
}

/**
 * Cross entropy of each pixel, 0 where it does not count, and 1 where it counts; both [n · h · w].
 * @param logits [n, h, w, classes].
 * @param labels class numbers, int32 [n, h, w].
 */
export function pixelLosses(logits: tf.Tensor4D, labels: tf.Tensor3D, ignore = IGNORED) {
  const flat = tf.reshape(labels, [-1]) as tf.Tensor1D;
  const counts = tf.notEqual(flat, ignore);
  const mask = tf.cast(counts, 'float32') as tf.Tensor1D;
  const rows = tf.reshape(logits, [-1, logits.shape[3]]) as tf.Tensor2D;
  const losses = crossEntropy(rows, tf.where(counts, flat, tf.zerosLike(flat)));
  return { losses: tf.mul(losses, mask) as tf.Tensor1D, mask };
}

/** How much the auxiliary loss counts, as in torchvision's recipe. */
const AUXILIARY = 0.5;

/**
 * {@link pixelCrossEntropy} of the model's output; where it has two, plus half that of the second.
 * @example
 * ```ts
 * const truth = tf.zeros<tf.Rank.R3>([1, 360, 480], 'int32');
 * const loss = segmentationLoss(model.apply(images, { training: true }) as tf.Tensor[], truth);
 * ```
 */
export function segmentationLoss(outputs: tf.Tensor | tf.Tensor[], labels: tf.Tensor3D, ignore = IGNORED): tf.Scalar {
  const [logits, auxiliary] = (Array.isArray(outputs) ? outputs : [outputs]) as [tf.Tensor4D, tf.Tensor4D?];
  const loss = pixelCrossEntropy(logits, labels, ignore);
  return auxiliary ? tf.add(loss, tf.mul(pixelCrossEntropy(auxiliary, labels, ignore), AUXILIARY)) : loss;
}

/** Of each row of [pixels, classes]. */
function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  if (tf.getKernel(CROSS_ENTROPY, tf.getBackend()))
    return (tf.engine().runKernel(CROSS_ENTROPY, { logits, labels }) as unknown as [tf.Tensor1D])[0];
  const classes = logits.shape[1];
  const [largest, least] = [tf.max(labels), tf.min(labels)].map((label) => label.dataSync()[0] as number);
  if ((largest as number) >= classes || (least as number) < 0)
    throw new Error(`There are labels from ${least} to ${largest}; expected classes from 0 to ${classes - 1}.`);
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(labels, classes)), 1));
}

/** 1/x of a count. @throws Error with the message where it is 0; from a compiled function, when it runs. */
function oneOver(count: tf.Tensor, message: string): tf.Tensor {
  const inverse = tf.div(1, count);
  if (tf.getKernel(CHECK_FINITE, tf.getBackend()))
    return tf.engine().runKernel(CHECK_FINITE, { x: inverse }, { message }) as tf.Tensor;
  if (count.dataSync()[0] === 0) throw new Error(message);
  return inverse;
}
