/** What is recorded of each epoch. */
import { stringify } from 'csv-stringify/sync';
import type { SplitName } from './feed.js';

export interface MetricsRow {
  /** From 1. */
  epoch: number;
  /** Steps done since the training began. */
  step: number;
  /** That of the epoch's last step. */
  learningRate: number;
  /** Mean over the epoch's training images, each before the step that it took part in. */
  trainLoss: number;
  /** Mean cross entropy, without label smoothing, and share that is classified rightly, 0 to 1, of the validation images where there are some. */
  validationLoss?: number;
  validationTop1?: number;
  /** The measure of another task than classification, such as `testMeanIou`. */
  [score: `${SplitName}${string}`]: number | undefined;
  /** The same of the test images: with validation images in the row of the last epoch alone. */
  testLoss?: number;
  testTop1?: number;
  /** The same of the averages of the weights, where the recipe averages. */
  validationAveragedLoss?: number;
  validationAveragedTop1?: number;
  testAveragedLoss?: number;
  testAveragedTop1?: number;
  /**
   * Mean over a few of the epoch's steps and over the spatial convolutions of ‖ΔW‖ / ‖W‖, with W the kernel that is convolved with. Undefined
   * where there is none, and in trainings begun before it was recorded.
   */
  kernelChange?: number;
  /** Seconds that the epoch's training took, evaluation and checkpoints not counted. */
  seconds: number;
}

export const METRICS_FILE = 'metrics.csv';

/**
 * The entry of a row that has a split's measure, such as `testTop1`.
 * @example
 * ```ts
 * scoreKey('test', 'top1'); // 'testTop1'
 * ```
 */
export const scoreKey = (split: SplitName | `${SplitName}Averaged`, score: string) =>
  `${split}${score[0]?.toUpperCase()}${score.slice(1)}` as const;

/** What a training is evaluated on, and whether averages of its weights are too. */
export type Evaluated = Partial<Record<SplitName, unknown>> & { averages?: boolean };

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const SPLITS = ['validation', 'test'] as const;

/** The rows' entries in their order, with those of the splits that are evaluated. */
const columnsOf = (evaluated: Evaluated, score: string) => {
  const splits = SPLITS.filter((split) => evaluated[split]);
  const averaged = evaluated.averages ? splits.map((split) => `${split}Averaged` as const) : [];
  const measured = [...splits, ...averaged].flatMap((split) => [`${split}Loss`, scoreKey(split, score)]);
  return ['epoch', 'step', 'learningRate', 'trainLoss', ...measured, 'kernelChange', 'seconds'].map((key) => ({
    ...{ key, header: snake(key) },
  }));
};
const rounded = (rows: readonly MetricsRow[]) => rows.map((row) => ({ ...row, seconds: row.seconds.toFixed(2) }));

/** Rows as lines of CSV. */
export function metricsLines(
  rows: readonly MetricsRow[],
  evaluated: Evaluated = { test: true },
  score = 'top1',
): string {
  return stringify(rounded(rows), { columns: columnsOf(evaluated, score) });
}

/** A whole CSV file. */
export function metricsCsv(rows: readonly MetricsRow[], evaluated: Evaluated = { test: true }, score = 'top1'): string {
  return stringify(rounded(rows), { columns: columnsOf(evaluated, score), header: true });
}
