/** metrics.csv of a run's folder, also of a run that is under way or was killed. */
import { join } from 'node:path';
import { readCsvLines, shown } from '@refconv/files';
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

/** Columns that every training writes, beside the losses and measures of what it is evaluated on. */
const ALWAYS = ['epoch', 'learning_rate', 'train_loss', 'seconds'];

/** What a header says of the evaluation. @throws Error where columns are missing. */
function evaluationOf(header: readonly string[], path: string) {
  const evaluatedOn = header.includes('validation_loss') ? ('validation' as const) : ('test' as const);
  const measured = new RegExp(`^${evaluatedOn}_(?!loss$|averaged)(.+)$`);
  const [column = 'top1'] = header.flatMap((name) => measured.exec(name)?.[1] ?? []);
  const needed = [...ALWAYS, `${evaluatedOn}_loss`, `${evaluatedOn}_${column}`];
  const missing = needed.filter((name) => !header.includes(name));
  if (missing.length > 0)
    throw new Error(
      `${path} lacks the columns ${missing.join(', ')}; it has ${header.join(', ')}. Give the folder of a training, whose metrics.csv has them.`,
    );
  return { evaluatedOn, column };
}

/** What is no number is written so; a measure that was not taken is empty. */
const isNumber = (text: string) => /^(|nan|[-+]?inf(inity)?)$/i.test(text) || Number.isFinite(Number(text));

/**
 * The finished epochs of a run; undefined where the folder has no metrics.csv.
 * @throws Error where it is damaged, lacks columns, or has a value that is no number.
 */
export async function readMetrics(folder: string): Promise<EpochMetrics[] | undefined> {
  const path = join(folder, 'metrics.csv');
  const lines = await readCsvLines(path);
  const [header, ...values] = lines ?? [];
  if (!header) return lines && [];
  const { evaluatedOn, column } = evaluationOf(header, path);
  const measure = titleOf(column);
  return values
    .map((line, i): EpochMetrics => {
      const wrong = line.findIndex((text) => !isNumber(text));
      if (wrong >= 0)
        throw new Error(
          `${path} is damaged (${header[wrong]} is ${shown(line[wrong])} in row ${i + 1}; expected a number); restore it from a copy.`,
        );
      const row = Object.fromEntries(header.map((name, at) => [name, line[at]]));
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
