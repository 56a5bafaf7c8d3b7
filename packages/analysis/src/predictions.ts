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
/** What float32 may make of a probability of 1. */
const ROUNDING = 1e-6;

/** What a classifier made of an image. */
export interface ImagePrediction {
  /** The right class, and the one with the highest logit; the latter is -1 where a logit is NaN or infinite. */
  label: number;
  prediction: number;
  /** The latter's probability, 0 to 1. */
  confidence: number;
}

/**
 * @param logits [n, classes], row by row.
 * @throws RangeError where the sizes do not fit, or a label is no class.
 * @example
 * ```ts
 * const logits = new Float32Array([2, 0, 0, 1]);
 * const { top1, calibrationError } = predictionReport(logits, [0, 1], 2); // both images are right: top1 is 1
 * ```
 */
export function predictionReport(logits: Float32Array, labels: ArrayLike<number>, classes: number): PredictionReport {
  const count = labels.length;
  if (count === 0 || logits.length !== count * classes) {
    throw new RangeError(
      `${count} labels of ${classes} classes need ${count * classes} logits; given ${logits.length}.`,
    );
  }
  const predictions = Array.from({ length: count }, (_, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const largest = Math.max(...row);
    const confidence = 1 / row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    return { label: labels[i] as number, prediction: row.indexOf(largest), confidence };
  });
  return reportPredictions(predictions, classes);
}

/**
 * The same of predictions. @throws RangeError where there are none, or a label, a prediction or a confidence is none.
 * @example
 * ```ts
 * const report = reportPredictions([{ label: 0, prediction: 0, confidence: 0.9 }], 2);
 * ```
 */
export function reportPredictions(predictions: readonly ImagePrediction[], classes: number): PredictionReport {
  const count = predictions.length;
  if (count === 0) throw new RangeError('There are no predictions.');
  const isClass = (value: number) => Number.isInteger(value) && value >= 0 && value < classes;
  const confusion = new Float64Array(classes * classes);
  const sums = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const [i, { label, prediction, confidence }] of predictions.entries()) {
    if (prediction === -1)
      throw new RangeError(`The logits of image ${i} were NaN or infinite: such a network has no accuracy.`);
    for (const [name, value] of Object.entries({ label, prediction })) {
      if (!isClass(value))
        throw new RangeError(`Labels must be classes from 0 to ${classes - 1}; ${name} ${i} is ${value}.`);
    }
    if (!(confidence >= 0 && confidence <= 1 + ROUNDING))
      throw new RangeError(`Confidences must be from 0 to 1; that of prediction ${i} is ${confidence}.`);
    (confusion[label * classes + prediction] as number)++;
    const bin = sums[Math.min(BINS - 1, Math.floor(confidence * BINS))] as (typeof sums)[number];
    bin.count++;
    bin.confidence += confidence;
    bin.right += prediction === label ? 1 : 0;
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
