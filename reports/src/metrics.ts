/** metrics.csv of a run's folder, also of a run that is under way or was killed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';

/** One epoch. */
export interface EpochMetrics {
  epoch: number;
  learningRate: number;
  trainLoss: number;
  testLoss: number;
  /** 0 to 1. */
  testTop1: number;
  seconds: number;
}

/**
 * The rows of a CSV file by its header; a last line that is not whole is left out.
 * @returns undefined where there is no such file.
 */
export async function readCsv(path: string): Promise<Record<string, string>[] | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return parse(whole, { columns: true, relax_column_count: true });
}

/** The finished epochs of a run; undefined where the folder has no metrics.csv. */
export async function readMetrics(folder: string): Promise<EpochMetrics[] | undefined> {
  const rows = await readCsv(join(folder, 'metrics.csv'));
  return rows
    ?.map((row) => ({
      epoch: Number(row.epoch),
      learningRate: Number(row.learning_rate),
      trainLoss: Number(row.train_loss),
      testLoss: Number(row.test_loss),
      testTop1: Number(row.test_top1),
      seconds: Number(row.seconds),
    }))
    .filter(({ epoch, testTop1 }) => Number.isInteger(epoch) && Number.isFinite(testTop1));
}
