/** SSD's loss (arXiv 1512.02325, section 2.2), with shapes that do not depend on the boxes, so that it can be compiled. */
import { stopGradient } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { CENTRE_WEIGHT, SIDE_WEIGHT } from './coder.js';
import { matchAnchors } from './matching.js';
import type { BatchTargets } from './targets.js';

/** How many negatives an image has for each of its positives. */
const NEGATIVES = 3;

/** What the network predicts, undecoded. */
export interface Predictions {
  /** [images, anchors, classes]; class 0 is the background. */
  logits: tf.Tensor3D;
  /** [images, anchors, 4]. */
  boxes: tf.Tensor3D;
}

export type DetectionLosses = {
  /** Softmax cross-entropy of the positives and of each image's hardest negatives, three times as many. */
  classification: tf.Scalar;
  /** Smooth L1 between the positives' numbers and the codes of their boxes. */
  regression: tf.Scalar;
};

/** Sums over an image, [images] each. */
export type ImageLosses = {
  classification: tf.Tensor1D;
  regression: tf.Tensor1D;
  /** Anchors that have a box. */
  positives: tf.Tensor1D;
};

/**
 * Both losses: sums over the batch, divided by the number of its positives (at least 1). An image without boxes adds nothing.
 * @param anchors [anchors, 4], corners in pixels.
 * @example
 * ```ts
 * const targets = batchTargets([{ boxes: [[118, 12, 160, 77]], labels: [2] }]);
 * const { classification, regression } = detectionLosses(predictionsOf(model, images, true), targets, boxTensor(anchorsOf(model)));
 * ```
 */
export function detectionLosses(
  predictions: Predictions,
  targets: BatchTargets,
  anchors: tf.Tensor2D,
): DetectionLosses {
  return tf.tidy(() => {
    const { classification, regression, positives } = imageLosses(predictions, targets, anchors);
    const all = tf.maximum(tf.sum(positives), 1);
    return {
      classification: tf.div(tf.sum(classification), all) as tf.Scalar,
      regression: tf.div(tf.sum(regression), all) as tf.Scalar,
    };
  });
}

/**
 * What each image adds to both sums. @param anchors [anchors, 4], corners in pixels.
 * @example
 * ```ts
 * const targets = batchTargets([{ boxes: [[118, 12, 160, 77]], labels: [2] }]);
 * const { positives } = imageLosses(predictionsOf(model, images, false), targets, boxTensor(anchorsOf(model)));
 * ```
 */
export function imageLosses({ logits, boxes }: Predictions, targets: BatchTargets, anchors: tf.Tensor2D): ImageLosses {
  return tf.tidy(() => {
    const matched = matchAnchors(anchors, targets);
    const isPositive = tf.greaterEqual(matched, 0);
    const positive = tf.cast(isPositive, 'float32') as tf.Tensor2D;
    const places = tf.cast(tf.maximum(matched, 0), 'int32');
    const labels = tf.mul(tf.gather(targets.labels, places, 1, 1), tf.cast(isPositive, 'int32'));
    // Where nothing is to be predicted the anchor's own code, which is finite, stands in.
    const own = tf.gather(targets.boxes, places, 1, 1);
    const codes = encodeBoxes(tf.where<tf.Tensor>(tf.expandDims(isPositive, 2), own, anchors), anchors);

    const oneHot = tf.oneHot(labels, logits.shape[2]);
    const crossEntropy = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), oneHot), 2)) as tf.Tensor2D;
    const chosen = tf.add(positive, hardNegatives(stopGradient(crossEntropy), positive));
    const distances = tf.mul(smoothL1(tf.sub(boxes, codes)), tf.expandDims(positive, 2));
    return {
      classification: tf.sum(tf.mul(crossEntropy, chosen), 1),
      regression: tf.sum(distances, [1, 2]),
      positives: tf.sum(positive, 1),
    };
  });
}

/** 1 for the negatives of largest loss, at most three times as many as the image's positives. */
function hardNegatives(losses: tf.Tensor2D, positive: tf.Tensor2D): tf.Tensor2D {
  const negative = tf.sub(1, positive);
  // No cross-entropy is as small as −1, so that the positives come last.
  const order = tf.topk(tf.sub(tf.mul(losses, negative), positive), losses.shape[1]).indices;
  // The place of each anchor in that order: a permutation's inverse is what sorts it.
  const rank = tf.topk(tf.neg(tf.cast(order, 'float32')), losses.shape[1]).indices;
  const most = tf.mul(tf.sum(positive, 1, true), NEGATIVES);
  return tf.mul(tf.cast(tf.less(tf.cast(rank, 'float32'), most), 'float32'), negative);
}

/** ½d² below 1, else |d| − ½. */
function smoothL1(difference: tf.Tensor): tf.Tensor {
  const limited = tf.clipByValue(difference, -1, 1);
  return tf.mul(limited, tf.sub(difference, tf.mul(limited, 0.5)));
}

/** The codes of boxes [images, anchors, 4] relative to the anchors [anchors, 4], as `encode` computes one. */
function encodeBoxes(boxes: tf.Tensor, anchors: tf.Tensor2D): tf.Tensor {
  const [centre, sides] = centresAndSides(boxes);
  const [anchorCentre, anchorSides] = centresAndSides(anchors);
  const shift = tf.mul(tf.div(tf.sub(centre, anchorCentre), anchorSides), CENTRE_WEIGHT);
  const growth = tf.mul(tf.log(tf.div(sides, anchorSides)), SIDE_WEIGHT);
  return tf.concat([shift, growth], -1);
}

/** Both [.., 2]. */
function centresAndSides(boxes: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const [from, to] = tf.split(boxes, 2, -1) as [tf.Tensor, tf.Tensor];
  return [tf.div(tf.add(from, to), 2), tf.sub(to, from)];
}
