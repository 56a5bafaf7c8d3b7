/** metrics.csv of a run's folder, also of a run that is under way or was killed. */
import { join } from 'node:path';
import { readCsv } from '@refconv/files';
import { scoreOf, TASKS } from '@refconv/runs';

export { readCsv } from '@refconv/files';

/** One epoch. */
export interface EpochMetrics {
  epoch: number;
  learningRate: number;
  trainLoss: number;
  /** Of the images that are evaluated after each epoch: those held out for validation where there are some, else the test images. */
  evaluatedOn: 'validation' | 'test';
  loss: number;
  /** The task's measure, 0 to 1, as {@link scoreOf} has it. */
  score: number;
  measure: string;
  /** Of the test images; with validation images after the last epoch alone. */
  test?: { loss: number; score: number };
  /** How far a step moves the convolved kernels, relative to their length; of trainings that recorded it. */
  kernelChange?: number;
  seconds: number;
}

/** What an epoch counts by as the last one: the test images where they were evaluated. */
export const finalOf = ({ test, loss, score, evaluatedOn }: EpochMetrics) =>
  test ? { ...test, evaluatedOn: 'test' as const } : { loss, score, evaluatedOn };

/** Of a task whose file was not imported the column says it. */
const titleOf = (column: string) =>
  TASKS.ids()
    .map((id) => scoreOf({ task: { id } }))
    .find((score) => score.column === column)?.title ?? column;

/** The finished epochs of a run; undefined where the folder has no metrics.csv. */
export async function readMetrics(folder: string): Promise<EpochMetrics[] | undefined> {
  const rows = await readCsv(join(folder, 'metrics.csv'));
  return rows
    ?.map((row): EpochMetrics => {
      const evaluatedOn = row.validation_loss === undefined ? 'test' : 'validation';
      const measured = new RegExp(`^${evaluatedOn}_(?!loss$|averaged)(.+)$`);
      const [column = 'top1'] = Object.keys(row).flatMap((name) => measured.exec(name)?.[1] ?? []);
      const measure = titleOf(column);
      const test = row[`test_${column}`];
      return {
        epoch: Number(row.epoch),
        learningRate: Number(row.learning_rate),
        trainLoss: Number(row.train_loss),
        evaluatedOn,
        loss: Number(row[`${evaluatedOn}_loss`]),
        score: Number(row[`${evaluatedOn}_${column}`]),
        measure,
        ...(test && { test: { loss: Number(row.test_loss), score: Number(test) } }),
        ...(row.kernel_change && { kernelChange: Number(row.kernel_change) }),
        seconds: Number(row.seconds),
      };
    })
    .filter(({ epoch, score }) => Number.isInteger(epoch) && Number.isFinite(score));
}
