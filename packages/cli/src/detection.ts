/** Boxes from files. */
import { type BatchTargets, batchTargets, type ImageTargets } from '@refconv/detection';
import type { ImageArray } from './images.js';
import { readChecked } from './jsonFile.js';

/**
 * The boxes and labels of each image: JSON [{"boxes": [[x1, y1, x2, y2], …], "labels": [1, …]}, …], in pixels of the images.
 * @throws Error where they do not fit the images, or a label is no class.
 */
export async function readTargets(path: string, images: ImageArray, classes: number): Promise<BatchTargets> {
  return readChecked(path, (value) => {
    const targets = checkTargets(value, classes);
    if (targets.length !== images.count)
      throw new Error(`It has boxes of ${targets.length} images; there are ${images.count}.`);
    return batchTargets(targets);
  });
}

function checkTargets(value: unknown, classes: number): ImageTargets[] {
  if (!Array.isArray(value)) throw new Error('Expected a list of images.');
  value.forEach((entry, image) => {
    const { boxes, labels } = (entry ?? {}) as Record<string, unknown>;
    const isBox = (box: unknown) => Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
    if (!Array.isArray(boxes) || !boxes.every(isBox) || !Array.isArray(labels))
      throw new Error(`Image ${image}: expected {"boxes": [[x1, y1, x2, y2], …], "labels": [1, …]}.`);
    const wrong = labels.find((label) => label >= classes);
    if (wrong !== undefined)
      throw new Error(`Image ${image} has the label ${wrong}; expected classes from 1 to ${classes - 1}.`);
  });
  return value;
}
