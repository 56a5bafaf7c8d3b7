/** What is recorded of each epoch. */

export interface MetricsRow {
  /** From 1. */
  epoch: number;
  /** Steps done since the training began. */
  step: number;
  /** That of the epoch's last step. */
  learningRate: number;
  /** Mean over the epoch's training images, each before the step that it took part in. */
  trainLoss: number;
  /** Mean cross entropy of the test images, without label smoothing. */
  testLoss: number;
  /** Share of the test images that are classified rightly, 0 to 1. */
  testTop1: number;
  /** Seconds that the epoch's training took, evaluation and checkpoints not counted. */
  seconds: number;
}

export const METRICS_FILE = 'metrics.csv';

const COLUMNS: readonly [name: string, value: (row: MetricsRow) => string][] = [
  ['epoch', ({ epoch }) => String(epoch)],
  ['step', ({ step }) => String(step)],
  ['learning_rate', ({ learningRate }) => String(learningRate)],
  ['train_loss', ({ trainLoss }) => String(trainLoss)],
  ['test_loss', ({ testLoss }) => String(testLoss)],
  ['test_top1', ({ testTop1 }) => String(testTop1)],
  ['seconds', ({ seconds }) => seconds.toFixed(2)],
];

/** Rows as lines of CSV. Every value is a number, so nothing has to be quoted. */
export function metricsLines(rows: readonly MetricsRow[]): string {
  return rows.map((row) => `${COLUMNS.map(([, value]) => value(row)).join(',')}\n`).join('');
}

/** A whole CSV file. */
export function metricsCsv(rows: readonly MetricsRow[]): string {
  return `${COLUMNS.map(([name]) => name).join(',')}\n${metricsLines(rows)}`;
}
