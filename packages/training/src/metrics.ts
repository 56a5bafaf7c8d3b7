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

/** The columns' names, by the rows' entries. */
const COLUMNS = {
  epoch: 'epoch',
  step: 'step',
  learningRate: 'learning_rate',
  trainLoss: 'train_loss',
  validationLoss: 'validation_loss',
  validationTop1: 'validation_top1',
  testLoss: 'test_loss',
  testTop1: 'test_top1',
  validationAveragedLoss: 'validation_averaged_loss',
  validationAveragedTop1: 'validation_averaged_top1',
  testAveragedLoss: 'test_averaged_loss',
  testAveragedTop1: 'test_averaged_top1',
  kernelChange: 'kernel_change',
  seconds: 'seconds',
} satisfies Record<keyof MetricsRow, string>;

/** What a training is evaluated on, and whether averages of its weights are too. */
export type Evaluated = Partial<Record<SplitName, unknown>> & { averages?: boolean };

/** The columns of the splits that are evaluated. */
const columnsOf = (evaluated: Evaluated) =>
  Object.entries(COLUMNS)
    .filter(
      ([key]) =>
        (evaluated.validation || !key.startsWith('validation')) &&
        (evaluated.test || !key.startsWith('test')) &&
        (evaluated.averages || !key.includes('Averaged')),
    )
    .map(([key, header]) => ({ key, header }));
const rounded = (rows: readonly MetricsRow[]) => rows.map((row) => ({ ...row, seconds: row.seconds.toFixed(2) }));

/** Rows as lines of CSV. */
export function metricsLines(rows: readonly MetricsRow[], evaluated: Evaluated = { test: true }): string {
  return stringify(rounded(rows), { columns: columnsOf(evaluated) });
}

/** A whole CSV file. */
export function metricsCsv(rows: readonly MetricsRow[], evaluated: Evaluated = { test: true }): string {
  return stringify(rounded(rows), { columns: columnsOf(evaluated), header: true });
}
