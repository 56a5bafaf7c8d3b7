/** What an image shows, and a batch of it as tensors whose shapes do not depend on how many boxes there are. */
import * as tf from '@tensorflow/tfjs';
import type { Box } from './boxes.js';

/** The boxes of an image, in pixels of the network's input. */
export interface ImageTargets {
  boxes: readonly Box[];
  /** Of each box its class, from 1. */
  labels: readonly number[];
}

export type BatchTargets = {
  /** [images, most boxes, 4]. */
  boxes: tf.Tensor3D;
  /** int32 [images, most boxes]; 0, the background's class, where an image has no further box. */
  labels: tf.Tensor2D;
};

/**
 * The targets of a batch as tensors.
 * @param most boxes that any image may have; default: as many as one has here. A fixed number keeps a compiled step from being
 * recorded again.
 * @throws RangeError for a label that is no class, a box without area, or more boxes than `most`.
 * @example
 * ```ts
 * const { boxes, labels } = batchTargets([{ boxes: [[118, 12, 160, 77]], labels: [2] }], 8); // room for 8 boxes an image
 * ```
 */
export function batchTargets(images: readonly ImageTargets[], most?: number): BatchTargets {
  const places = most ?? Math.max(1, ...images.map(({ boxes }) => boxes.length));
  const boxes = new Float32Array(images.length * places * 4);
  const labels = new Int32Array(images.length * places);
  images.forEach((image, i) => {
    checkTargets(image, i, places);
    image.boxes.forEach((box, k) => {
      boxes.set(box, (i * places + k) * 4);
    });
    labels.set(image.labels, i * places);
  });
  return {
    boxes: tf.tensor3d(boxes, [images.length, places, 4]),
    labels: tf.tensor2d(labels, [images.length, places], 'int32'),
  };
}

function checkTargets({ boxes, labels }: ImageTargets, image: number, most: number): void {
  if (boxes.length !== labels.length)
    throw new RangeError(`Image ${image} has ${boxes.length} boxes and ${labels.length} labels; each box needs one.`);
  if (boxes.length > most) throw new RangeError(`Image ${image} has ${boxes.length} boxes; at most ${most} fit.`);
  const label = labels.find((value) => !Number.isInteger(value) || value < 1);
  if (label !== undefined)
    throw new RangeError(`Image ${image} has the label ${label}; classes are integers from 1, 0 is the background.`);
  const box = boxes.find(([x1, y1, x2, y2]) => !(x2 > x1 && y2 > y1));
  if (box)
    throw new RangeError(`Image ${image} has the box [${box}], which has no area; expected x1 < x2 and y1 < y2.`);
}

/**
 * Boxes as a tensor [boxes, 4].
 * @example
 * ```ts
 * const anchors = boxTensor(anchorsOf(model)); // [anchors, 4]
 * ```
 */
export function boxTensor(boxes: readonly Box[]): tf.Tensor2D {
  return tf.tensor2d(boxes.flat(), [boxes.length, 4]);
}
