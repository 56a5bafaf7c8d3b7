/** What a network makes of each image of one pass, the numbers that are reductions of it, and the file that reports read. */
import { join } from 'node:path';
import { writeAtomically } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import type { ImageResult, Measured } from './task.js';

export interface Prediction extends ImageResult {
  /** The right class. */
  label: number;
  /** The class with the highest logit, the first of equal ones; -1 where a logit is NaN or infinite. */
  prediction: number;
  /** The latter's probability, 0 to 1; NaN where a logit is NaN or infinite. */
  confidence: number;
  /**
   * How many classes come before the label: those with a higher logit, and those of a lower number with an equal one. 0 where the
   * image is classified rightly; NaN where a logit is NaN or infinite.
   */
  rank: number;
  /** Cross entropy, in nats; NaN where a logit is NaN or infinite. */
  loss: number;
}

export interface Evaluation extends Measured {
  /** Share of the images whose highest logit is the label's: 0 to 1. */
  top1: number;
  /** Share of the images whose label is among the five highest logits; of equal ones those of lower numbers come first. */
  top5: number;
  correct: number;
  count: number;
  /** Mean cross entropy. */
  loss: number;
  /** Images with a logit that is NaN or infinite; they count as wrong. */
  notFinite: number;
}

/**
 * @throws {RangeError} if there are no predictions.
 * @example
 * ```ts
 * const { top1, top5 } = evaluationOf(await predict(model, set.test));
 * ```
 */
export function evaluationOf(predictions: readonly Prediction[]): Evaluation {
  const count = predictions.length;
  if (count === 0) throw new RangeError('There are no predictions: a share of no images is no number.');
  const among = (places: number) => predictions.filter(({ rank }) => rank < places).length;
  const correct = among(1);
  return {
    top1: correct / count,
    top5: among(5) / count,
    correct,
    count,
    loss: predictions.reduce((sum, { loss }) => sum + loss, 0) / count,
    notFinite: predictions.filter(({ prediction }) => prediction < 0).length,
  };
}

/** Undefined where all logits were finite; else for how many images they were not. */
export function notFiniteMessage({ notFinite, count }: Pick<Measured, 'notFinite' | 'count'>): string | undefined {
  return notFinite === 0 ? undefined : `the network's logits are NaN or infinite for ${notFinite} of ${count} images`;
}

/**
 * @throws if a logit was not finite: such a network has no accuracy.
 * @example
 * ```ts
 * const { top1 } = requireFinite(evaluationOf(await predict(model, set.test)));
 * ```
 */
export function requireFinite<E extends Measured>(evaluation: E): E {
  const message = notFiniteMessage(evaluation);
  if (message === undefined) return evaluation;
  throw new Error(
    `No accuracy: ${message}. See that its weights are finite, and that the images are normalised as they were in its training.`,
  );
}

export const PREDICTIONS_FILE = 'predictions.csv';

/**
 * Writes predictions.csv: index, label, prediction, confidence, rank, loss of each image, in the order of the split; of files their paths too.
 * @example
 * ```ts
 * await writePredictions('runs/baseline', await predict(model, set.test));
 * ```
 */
export async function writePredictions(folder: string, predictions: readonly Prediction[]): Promise<void> {
  const files = predictions.some(({ file }) => file !== undefined) ? ['file'] : [];
  const columns = ['index', 'label', 'prediction', 'confidence', 'rank', 'loss', ...files];
  const rows = predictions.map((prediction, index) => ({ index, ...prediction }));
  await writeAtomically(join(folder, PREDICTIONS_FILE), [stringify(rows, { header: true, columns })]);
}
