/** What a segmentation results in, as files that reports and people read. */
import { join } from 'node:path';
import { writeAtomically } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import type { SegmentationMetrics } from './metrics.js';
import { segmentationMetrics } from './metrics.js';
import type { SegmentedImage } from './task.js';

export const IMAGES_FILE = 'images.csv';
export const CONFUSION_FILE = 'confusion.csv';
export const CLASSES_FILE = 'classes.csv';

const known = (value: number | null) => value ?? '';

/**
 * Writes images.csv (of each image: pixels that count, loss, pixel accuracy, mean IoU of its own pixels), classes.csv (of each class: IoU and
 * accuracy over the whole set, pixels) and confusion.csv (truth in rows, predictions in columns).
 */
export async function writeSegmentation(
  folder: string,
  images: readonly SegmentedImage[],
  { confusion, iou, classAccuracy }: Pick<SegmentationMetrics, 'confusion' | 'iou' | 'classAccuracy'>,
  classes: readonly string[],
): Promise<void> {
  const rows = images.map(({ file, pixels, loss, confusion: own }, index) => {
    const { pixelAccuracy, meanIou } = segmentationMetrics(own);
    return { index, file: file ?? '', pixels, loss, pixel_accuracy: known(pixelAccuracy), mean_iou: known(meanIou) };
  });
  const perClass = classes.map((name, i) => ({
    ...{ class: name, iou: known(iou[i] ?? null), accuracy: known(classAccuracy[i] ?? null) },
    pixels: (confusion[i] ?? []).reduce((sum, count) => sum + count, 0),
  }));
  const matrix = [['truth', ...classes], ...confusion.map((row, i) => [classes[i], ...row])];
  await writeAtomically(join(folder, IMAGES_FILE), [stringify(rows, { header: true })]);
  await writeAtomically(join(folder, CLASSES_FILE), [stringify(perClass, { header: true })]);
  await writeAtomically(join(folder, CONFUSION_FILE), [stringify(matrix)]);
}
