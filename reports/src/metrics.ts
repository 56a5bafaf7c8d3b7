/** metrics.csv of a run's folder, also of a run that is under way or was killed. */
import { join } from 'node:path';
import { readCsv } from '@refconv/files';

export { readCsv } from '@refconv/files';

/** One epoch. */
export interface EpochMetrics {
  epoch: number;
  learningRate: number;
  trainLoss: number;
  /** Of the images that are evaluated after each epoch: those held out for validation where there are some, else the test images. */
  evaluatedOn: 'validation' | 'test';
  loss: number;
  /** 0 to 1. */
  top1: number;
  /** Of the test images; with validation images after the last epoch alone. */
  test?: { loss: number; top1: number };
  /** How far a step moves the convolved kernels, relative to their length; of trainings that recorded it. */
  kernelChange?: number;
  seconds: number;
}

/** What an epoch counts by as the last one: the test images where they were evaluated. */
export const finalOf = ({ test, loss, top1, evaluatedOn }: EpochMetrics) =>
  test ? { ...test, evaluatedOn: 'test' as const } : { loss, top1, evaluatedOn };

/** The finished epochs of a run; undefined where the folder has no metrics.csv. */
export async function readMetrics(folder: string): Promise<EpochMetrics[] | undefined> {
  const rows = await readCsv(join(folder, 'metrics.csv'));
  return rows
    ?.map((row): EpochMetrics => {
      const evaluatedOn = row.validation_top1 === undefined ? 'test' : 'validation';
      return {
        epoch: Number(row.epoch),
        learningRate: Number(row.learning_rate),
        trainLoss: Number(row.train_loss),
        evaluatedOn,
        loss: Number(row[`${evaluatedOn}_loss`]),
        top1: Number(row[`${evaluatedOn}_top1`]),
        ...(row.test_top1 && { test: { loss: Number(row.test_loss), top1: Number(row.test_top1) } }),
        ...(row.kernel_change && { kernelChange: Number(row.kernel_change) }),
        seconds: Number(row.seconds),
      };
    })
    .filter(({ epoch, top1 }) => Number.isInteger(epoch) && Number.isFinite(top1));
}
