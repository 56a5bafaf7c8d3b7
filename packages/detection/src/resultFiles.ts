/** What a detection results in, as files that reports and people read. */
import { join } from 'node:path';
import { writeAtomically } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import {
  type CocoNumbers,
  cocoResults,
  cocoTruth,
  type DetectedImage,
  type DetectionEvaluation,
} from './evaluation.js';

export { cocoResults, cocoTruth } from './evaluation.js';

export const IMAGES_FILE = 'images.csv';
export const CLASSES_FILE = 'classes.csv';
export const TRUTH_FILE = 'truth.json';
export const DETECTIONS_FILE = 'detections.json';

const known = (value: number | null | undefined) => value ?? '';

/**
 * Writes classes.csv (of each class: COCO's AP, VOC's AP, boxes), images.csv (of each image: boxes, detections above one half, loss), and in
 * COCO's formats truth.json and detections.json.
 */
export async function writeDetection(
  folder: string,
  images: readonly DetectedImage[],
  { classAp, classVoc12 }: Pick<DetectionEvaluation, 'classAp' | 'classVoc12'>,
  classes: readonly string[],
): Promise<void> {
  const rows = images.map(({ file, truth, detections, loss, positives }, index) => ({
    ...{ index, file: file ?? '', boxes: truth.length },
    sure_detections: detections.filter(({ score }) => score >= 0.5).length,
    loss: loss / Math.max(1, positives),
  }));
  const perClass = classes.map((name, i) => ({
    ...{ class: name, ap: known(classAp[i]), voc12: known(classVoc12[i]) },
    boxes: images.reduce((sum, { truth }) => sum + truth.filter(({ label }) => label === i + 1).length, 0),
  }));
  await writeAtomically(join(folder, IMAGES_FILE), [stringify(rows, { header: true })]);
  await writeAtomically(join(folder, CLASSES_FILE), [stringify(perClass, { header: true })]);
  await writeCoco(folder, images, classes);
}

/** truth.json and detections.json alone. @param numbers of images and classes, where they have their own. */
export async function writeCoco(
  folder: string,
  images: readonly DetectedImage[],
  classes: readonly string[],
  numbers: CocoNumbers = {},
): Promise<void> {
  await writeAtomically(join(folder, TRUTH_FILE), [JSON.stringify(cocoTruth(images, classes, numbers))]);
  await writeAtomically(join(folder, DETECTIONS_FILE), [JSON.stringify(cocoResults(images, numbers))]);
}
