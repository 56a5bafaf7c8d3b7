/** Measures of segmentations, all of one confusion matrix over the whole set. */

/** Numbers of pixels, [truth][prediction]. */
export type Confusion = number[][];

export interface ConfusionOptions {
  classes: number;
  /** The label of pixels that do not count. Default: 255. */
  ignore?: number;
  /** A matrix of earlier images, to which these are added. */
  into?: Confusion;
}

/**
 * Counts which class was taken for which. Labels and predictions are of the same pixels, in the same order.
 * @throws RangeError where their numbers differ, or a pixel that counts has a label or a prediction that is no class.
 * @example
 * ```ts
 * confusionMatrix([0, 1, 1, 255], [0, 1, 0, 0], { classes: 2 }); // [[1, 0], [1, 1]], [truth][prediction]
 * ```
 */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  { classes, ignore = 255, into }: ConfusionOptions,
): Confusion {
  if (labels.length !== predictions.length)
    throw new RangeError(`There are ${labels.length} labels and ${predictions.length} predictions; expected as many.`);
  const confusion = into ?? Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    const [label, prediction] = [labels[i] as number, predictions[i] as number];
    if (label === ignore) continue;
    const row = confusion[label];
    if (row?.[prediction] === undefined) {
      const what = row ? 'prediction' : 'label';
      const value = row ? prediction : label;
      throw new RangeError(
        `Pixel ${i} has the ${what} ${value}; expected a class from 0 to ${classes - 1}${row ? '' : `, or ${ignore}, which is ignored`}.`,
      );
    }
    row[prediction] = (row[prediction] as number) + 1;
  }
  return confusion;
}

/** Null stands where there is nothing to divide by. */
export interface SegmentationMetrics {
  /** Intersection over union of each class; null where neither truth nor prediction has it. */
  iou: (number | null)[];
  /** Of each class's pixels the share that was found; null where the truth has none. */
  classAccuracy: (number | null)[];
  /** Over the classes that have an IoU (mmsegmentation). */
  meanIou: number | null;
  /** Over all classes, where one without an IoU counts 0 (SegNet's script). */
  meanIouAbsentZero: number;
  pixelAccuracy: number | null;
  /** Over the classes that the truth has. */
  meanClassAccuracy: number | null;
  confusion: Confusion;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);
const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null);
const mean = (values: readonly number[]) => ratio(sum(values), values.length);

/**
 * The measures of a confusion matrix, each 0 to 1.
 * @example
 * ```ts
 * const { meanIou, iou } = segmentationMetrics([
 *   [1, 0],
 *   [1, 1],
 * ]); // iou: [0.5, 0.5]
 * ```
 */
export function segmentationMetrics(confusion: Confusion): SegmentationMetrics {
  const right = confusion.map((row, i) => row[i] as number);
  const truth = confusion.map(sum);
  const predicted = confusion.map((_, i) => sum(confusion.map((row) => row[i] as number)));
  const iou = right.map((count, i) => ratio(count, (truth[i] as number) + (predicted[i] as number) - count));
  const classAccuracy = right.map((count, i) => ratio(count, truth[i] as number));
  return {
    iou,
    classAccuracy,
    meanIou: mean(known(iou)),
    meanIouAbsentZero: sum(known(iou)) / confusion.length,
    pixelAccuracy: ratio(sum(right), sum(truth)),
    meanClassAccuracy: mean(known(classAccuracy)),
    confusion,
  };
}
