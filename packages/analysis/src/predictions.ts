/** What a classifier's predictions say beyond top-1: confusion, accuracy by class, calibration. */
import type { Matrix } from './matrix.js';

export interface PredictionReport {
  top1: number;
  /** Accuracy of each class, 0 to 1; NaN for a class without images. */
  perClass: number[];
  /** Rows: the label; columns: what was predicted; counts. */
  confusion: Matrix;
  /** Ten bins of confidence, as Guo et al. (ICML 2017) have them; empty ones left out. */
  bins: { from: number; to: number; count: number; confidence: number; accuracy: number }[];
  /** Expected calibration error: the bins' mean distance of confidence and accuracy, by their counts. */
  calibrationError: number;
}

const BINS = 10;

/**
 * @param logits [n, classes], row by row.
 * @throws RangeError where the sizes do not fit, or a label is no class.
 */
export function predictionReport(logits: Float32Array, labels: ArrayLike<number>, classes: number): PredictionReport {
  const count = labels.length;
  if (count === 0 || logits.length !== count * classes) {
    throw new RangeError(
      `${count} labels of ${classes} classes need ${count * classes} logits; given ${logits.length}.`,
    );
  }
  const confusion = new Float64Array(classes * classes);
  const sums = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (let i = 0; i < count; i++) {
    const label = labels[i] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new RangeError(`Labels must be classes from 0 to ${classes - 1}; label ${i} is ${label}.`);
    }
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const largest = Math.max(...row);
    const predicted = row.indexOf(largest);
    const confidence = 1 / row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    (confusion[label * classes + predicted] as number)++;
    const bin = sums[Math.min(BINS - 1, Math.floor(confidence * BINS))] as (typeof sums)[number];
    bin.count++;
    bin.confidence += confidence;
    bin.right += predicted === label ? 1 : 0;
  }
  const perClass = Array.from({ length: classes }, (_, label) => {
    const row = confusion.subarray(label * classes, (label + 1) * classes);
    return (row[label] as number) / row.reduce((sum, n) => sum + n, 0);
  });
  return {
    top1: sums.reduce((sum, { right }) => sum + right, 0) / count,
    perClass,
    confusion: { rows: classes, columns: classes, values: confusion },
    bins: sums.flatMap(({ count, confidence, right }, i) =>
      count === 0
        ? []
        : [{ from: i / BINS, to: (i + 1) / BINS, count, confidence: confidence / count, accuracy: right / count }],
    ),
    calibrationError: sums.reduce((sum, { confidence, right }) => sum + Math.abs(confidence - right), 0) / count,
  };
}
