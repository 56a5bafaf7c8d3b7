/** Detection as the commands have it: which network, and boxes from files. */
import { loadClassifier } from '@refconv/backbones';
import {
  type BatchTargets,
  batchTargets,
  buildDetector,
  fromTorchvision,
  type ImageTargets,
  optionsOf,
} from '@refconv/detection';
import type { TorchState } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import type { ImageArray } from './images.js';
import { readChecked } from './jsonFile.js';
import { isOfClassifier } from './segmentation.js';
import type { SourceOptions } from './source.js';

/**
 * The plain detector for images of this size, and the weights under its keys where they are not given to it yet: those of a classifier go into
 * its backbone.
 * @throws Error where options are missing.
 */
export async function openDetector(
  options: SourceOptions & { backbone: string },
  images: { height?: number; width?: number } | undefined,
  given: TorchState | undefined,
): Promise<{ model: LayersModel; state?: TorchState | undefined }> {
  const state = given && fromTorchvision(given);
  const isClassifier = state !== undefined && isOfClassifier(state);
  const { backbone, variant, width, activation, seed, stochasticDepth, outputStride, inputSize, imageSize } = options;
  if (outputStride !== undefined) throw new Error('--output-stride is for segmentation; detection has stride 32.');
  const told = state && !isClassifier ? optionsOf(state) : {};
  const classes = options.classes ?? told.classes;
  const [height, columns] = images?.height
    ? [images.height, images.width ?? images.height]
    : (imageSize ?? [inputSize, inputSize]);
  if (classes === undefined) throw new Error('How many classes, with the background? Give --classes.');
  if (height === undefined || columns === undefined)
    throw new Error('Which size have the images? Give --image-size, such as 320x320.');
  const chosen = { ...told, variant, width, activation, seed, stochasticDepth };
  const present = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
  const model = await buildDetector({ ...present, backbone, classes, inputSize: [height, columns] });
  if (!isClassifier) return { model, state };
  loadClassifier(model, state);
  return { model };
}

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
