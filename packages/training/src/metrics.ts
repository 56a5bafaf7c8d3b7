/** What is recorded of each epoch. */
import { stringify } from 'csv-stringify/sync';

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

/** The columns' names, by the rows' entries. */
const COLUMNS = {
  epoch: 'epoch',
  step: 'step',
  learningRate: 'learning_rate',
  trainLoss: 'train_loss',
  testLoss: 'test_loss',
  testTop1: 'test_top1',
  seconds: 'seconds',
} satisfies Record<keyof MetricsRow, string>;

const columns = Object.entries(COLUMNS).map(([key, header]) => ({ key, header }));
const rounded = (rows: readonly MetricsRow[]) => rows.map((row) => ({ ...row, seconds: row.seconds.toFixed(2) }));

/** Rows as lines of CSV. */
export function metricsLines(rows: readonly MetricsRow[]): string {
  return stringify(rounded(rows), { columns });
}

/** A whole CSV file. */
export function metricsCsv(rows: readonly MetricsRow[]): string {
  return stringify(rounded(rows), { columns, header: true });
}
