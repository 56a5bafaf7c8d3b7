/** What a training gives back, and what it says after each epoch. */
import { finalSplit, type SplitName, type TrainingData } from './feed.js';
import { type LeftOut, passedOverIn, wrongBoxesIn } from './leftOut.js';
import { type MetricsRow, scoreKey } from './metrics.js';
import type { Position } from './position.js';
import type { Prediction } from './predictions.js';
import type { ImageResult } from './task.js';

/** The first epoch with the highest score. */
export interface BestEpoch {
  epoch: number;
  /** The task's measure, 0 to 1: of classification top-1. */
  score: number;
  /**
   * The images that chose it, and that its score is of: the validation split where there is one. Chosen on the test images it is
   * higher than what such an epoch reaches on new ones, and no result: {@link FitResult.last} is.
   */
  chosenOn: SplitName;
}

export interface FitResult<P extends ImageResult = Prediction> {
  /** Undefined if no epoch was finished. */
  best: BestEpoch | undefined;
  last: MetricsRow | undefined;
  /**
   * Of the images of {@link finalSplit}, by the pass that gave the last row its numbers. Undefined if it was stopped, or where an
   * earlier process finished the last epoch: `predict` makes them again.
   */
  predictions: P[] | undefined;
  /** The averages of the weights, by their names, where the recipe averages and the training is finished. */
  averaged?: ReadonlyMap<string, Float32Array>;
  /** One for each epoch. */
  rows: MetricsRow[];
  /** Steps done since the training began, those of earlier processes included. */
  step: number;
  /** Whether it was stopped before its end. */
  stopped: boolean;
  /** Files that could not be read, by this process or an earlier one, where loaders skip them; and what is no image. */
  leftOut: Required<Omit<LeftOut, 'layers'>>;
}

export function result<P extends ImageResult>(
  { rows, step, unread = [] }: Position,
  data: TrainingData,
  measure: string,
  { stopped = false, predictions }: { stopped?: boolean; predictions?: P[] | undefined },
): FitResult<P> {
  const chosenOn = data.validation ? 'validation' : 'test';
  const epochs = rows.map(
    (row) => ({ epoch: row.epoch, score: row[scoreKey(chosenOn, measure)] ?? Number.NaN, chosenOn }) as const,
  );
  const best = epochs.reduce<BestEpoch | undefined>((a, b) => (a && a.score >= b.score ? a : b), undefined);
  const leftOut = { images: unread, boxes: wrongBoxesIn(data), files: passedOverIn(data) };
  return { best, last: rows.at(-1), predictions, rows, step, stopped, leftOut };
}

export function epochLine(
  row: MetricsRow,
  epochs: number,
  { name: measure, title }: { name: string; title: string },
): string {
  const measured = (['validation', 'test'] as const).map((name) => {
    const [loss, score] = [row[`${name}Loss`], row[scoreKey(name, measure)]];
    return loss === undefined || score === undefined
      ? ''
      : `, ${name} loss ${loss.toFixed(4)}, ${title} ${(100 * score).toFixed(2)} %`;
  });
  return `epoch ${row.epoch}/${epochs}: train loss ${row.trainLoss.toFixed(4)}${measured.join('')}, ${row.seconds.toFixed(1)} s`;
}
