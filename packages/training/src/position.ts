/** Where a training is. */
import type { LeftImage } from './leftOut.js';
import type { MetricsRow } from './metrics.js';

/** A value that, with weights and momentum buffers, decides everything that comes after. */
export interface Position {
  /** Epochs that are finished. */
  epoch: number;
  /** Steps since the training began: the place of the next batch. A batch of which no image can be read counts as a step. */
  step: number;
  /** Of the epoch that is under way: the sum of the images' losses, their number, and the seconds spent. */
  lossSum: number;
  images: number;
  seconds: number;
  /** Of its steps that were looked at: the sum of the kernels' relative changes, and their number. */
  changeSum: number;
  changes: number;
  /** One for each epoch that is finished. */
  rows: MetricsRow[];
  /** Files that could not be read so far; checkpoints of earlier versions have none. */
  unread?: LeftImage[];
}

/** Of an epoch of which nothing is done. */
export const NEW_EPOCH = { lossSum: 0, images: 0, seconds: 0, changeSum: 0, changes: 0 };

export const START: Position = { epoch: 0, step: 0, ...NEW_EPOCH, rows: [] };

/** How long a training is. */
export interface Length {
  epochs: number;
  stepsPerEpoch: number;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;

/** What is wrong with a position that a file brought; undefined where it can be one of this training. */
export function positionProblem(position: Position, { epochs, stepsPerEpoch }: Length): string | undefined {
  const { epoch, step, lossSum, images, seconds, rows } = position;
  if (!isCount(epoch) || epoch > epochs) return `it is after epoch ${epoch} of ${epochs}`;
  const [first, last] = [epoch * stepsPerEpoch, Math.min(epoch + 1, epochs) * stepsPerEpoch];
  if (!isCount(step) || step < first || step > last) {
    return `it is at step ${step}, and after epoch ${epoch} there are the steps ${first} to ${last}`;
  }
  if (!isAmount(lossSum) || !isCount(images) || !isAmount(seconds)) {
    return 'the sums of its epoch are not numbers';
  }
  if (!Array.isArray(rows) || rows.length !== epoch) {
    return `it has ${Array.isArray(rows) ? rows.length : 'no'} rows of metrics, and ${epoch} epochs are finished`;
  }
  const wrong = rows.findIndex((row, i) => row?.epoch !== i + 1 || !isCount(row.step) || !isAmount(row.seconds));
  return wrong < 0 ? undefined : `its row of metrics ${wrong + 1} is not that of epoch ${wrong + 1}`;
}
