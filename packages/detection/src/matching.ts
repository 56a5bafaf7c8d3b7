/** Which box each anchor is to predict (SSD, section 2.2), by comparisons alone, so that it can be compiled. */
import * as tf from '@tensorflow/tfjs';
import type { BatchTargets } from './targets.js';

/** An anchor that overlaps no box so much is background. */
const LEAST_IOU = 0.5;

/**
 * IoUs that differ by less of themselves count as equal. Those with a square and with its oblongs, which are equally large, are equal
 * for every small box, and float32 would choose among them by its roundings.
 */
const ROUNDING = 1e-5;

/**
 * The box of each anchor: that of the largest IoU, from 0.5 on; and each box's best anchor is given to it in any case (where two
 * boxes have the same, to the later one). Of equals the first counts.
 * @param anchors [anchors, 4], corners in pixels.
 * @returns int32 [images, anchors]: places in the image's boxes, −1 for background.
 * @example
 * ```ts
 * const targets = batchTargets([{ boxes: [[118, 12, 160, 77]], labels: [2] }]);
 * const boxOfAnchor = matchAnchors(boxTensor(anchorsOf(model)), targets);
 * ```
 */
export function matchAnchors(anchors: tf.Tensor2D, { boxes, labels }: BatchTargets): tf.Tensor2D {
  return tf.tidy(() => {
    const [most, count] = [boxes.shape[1], anchors.shape[0]];
    const isBox = tf.expandDims(tf.greater(labels, 0), 2);
    const overlaps = tf.where(isBox, pairwiseIou(boxes, anchors), -1) as tf.Tensor3D;
    const boxIndex = tf.reshape(tf.range(0, most), [most, 1]);
    const anchorIndex = tf.range(0, count);

    const near = tf.greaterEqual(tf.max(overlaps, 1), LEAST_IOU);
    const nearest = tf.where(near, firstOfLargest(overlaps, boxIndex, 1), -1);
    const bestAnchor = tf.expandDims(firstOfLargest(overlaps, anchorIndex, 2), 2);
    const isGiven = tf.logicalAnd(isBox, tf.equal(bestAnchor, anchorIndex));
    const given = tf.max(tf.where(isGiven, boxIndex, -1), 1);
    return tf.cast(tf.where(tf.greaterEqual(given, 0), given, nearest), 'int32') as tf.Tensor2D;
  });
}

/** The index of the first of the largest, which must be positive to be found. tf.argMax leaves open which of several it names. */
function firstOfLargest(x: tf.Tensor3D, index: tf.Tensor, axis: 1 | 2): tf.Tensor2D {
  const isLargest = tf.greaterEqual(x, tf.mul(tf.max(x, axis, true), 1 - ROUNDING));
  return tf.min(tf.where(isLargest, index, x.shape[axis]), axis);
}

/** [images, boxes, anchors]. */
function pairwiseIou(boxes: tf.Tensor3D, anchors: tf.Tensor2D): tf.Tensor3D {
  const [x1, y1, x2, y2] = tf.split(boxes, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [left, top, right, bottom] = tf.unstack(anchors, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const width = tf.relu(tf.sub(tf.minimum(x2, right), tf.maximum(x1, left)));
  const height = tf.relu(tf.sub(tf.minimum(y2, bottom), tf.maximum(y1, top)));
  const intersection = tf.mul(width, height);
  const areas = tf.add(tf.mul(tf.sub(x2, x1), tf.sub(y2, y1)), tf.mul(tf.sub(right, left), tf.sub(bottom, top)));
  return tf.div(intersection, tf.sub(areas, intersection));
}
