/** What a run results in, as `result.json` holds it. */
import type { BestEpoch, LeftOut, SplitName } from '@refconv/training';
import type { Hash, Spec } from './spec.js';
import { CLASSIFICATION, OWN_SCORE, TASKS } from './tasks/registry.js';

/** The images that a run's numbers are of. */
export const evaluatedOn = ({ data }: Spec): SplitName => (data.validation === undefined ? 'test' : 'validation');

/** Where a run was computed. */
export interface Environment {
  commit: string;
  /** Files of the checkout were changed. */
  changed: boolean;
  tensorflow: string;
  node: string;
  platform: string;
  host: string;
  cpu: string;
  /** 'cpu' or the GPU's name. */
  device: string;
  threads: number;
  /** That trained it together; left out: one. */
  processes?: number;
  /** Where the images came from. */
  data: string;
}

export interface Result {
  hash: Hash;
  spec: Spec;
  /** Of the final weights, by one pass over the test images, or the validation images where the spec holds some out; 0 to 1. Of classification. */
  top1?: number;
  top5?: number;
  /** Of segmentation, of one confusion matrix over all pixels that count; `iou` has an entry for each class, null where it has none. */
  meanIou?: number;
  pixelAccuracy?: number;
  iou?: (number | null)[];
  /** Of detection: COCO's AP, that at IoU 0.5, Pascal VOC's AP of 2012, and COCO's AP of each class, null where it has nothing to find. */
  ap?: number;
  ap50?: number;
  voc12?: number;
  classAp?: (number | null)[];
  /** Of a task of a user's own. */
  score?: number;
  testLoss: number;
  /** The epoch with the highest top-1, mean IoU or AP. Chosen on the test images it is no result, as it is too high: the final one is. */
  best: Omit<BestEpoch, 'score'> & { top1?: number; meanIou?: number; ap?: number; score?: number };
  trainLoss: number;
  /** Of the merged network, on the same images. */
  mergedTop1?: number;
  mergedMeanIou?: number;
  mergedAp?: number;
  mergedScore?: number;
  /** Numbers that are trained, and that the plain network has afterwards. */
  parametersInTraining: number;
  parameters: number;
  /** Of one training step: 2 operations a multiply-add, backward counted as twice forward. Left out: of a network that takes images of any size. */
  flopsPerStep?: number;
  /** The largest memory of the process until the end of the training, data and TensorFlow itself included; bytes. */
  peakMemory: number;
  /** Of the training steps, without evaluation and checkpoints. */
  trainSeconds: number;
  /** Of a training step, waiting for its images included: the mean over all steps. */
  stepMilliseconds?: number;
  /** SHA-256 of the trained weights. */
  weights: string;
  /** That of the run which it started from, as it was then; left out: it started from no run, or was done before results said so. */
  startWeights?: string;
  /** Where something was left out. */
  leftOut?: LeftOut;
  finished: string;
  environment: Environment;
}

/** What an analysis results in; matrices and points are in CSV files beside it. */
export interface AnalysisResult {
  hash: Hash;
  spec: Spec;
  /** The rows of its table, such as one for each layer, all with the same columns. That of a landscape is made of the points of all its parts, later. */
  rows: AnalysisRow[];
  seconds: number;
  finished: string;
  environment: Environment;
}

export type AnalysisRow = Record<string, string | number>;

/** The measure that a task's runs are compared by. */
export interface Score {
  /** Its entry in a {@link Result}, and that of the merged network. */
  entry: string;
  merged: string;
  /** Its column in metrics.csv and the ledger. */
  column: string;
  title: string;
}

/**
 * The measure that runs of a spec's task are compared by.
 * @example
 * ```ts
 * const [spec] = Object.values(grid.runs);
 * scoreOf(spec).title; // 'top-1'
 * ```
 */
export function scoreOf({ task }: { task?: { id: string } | undefined }): Score {
  // Of a task whose file was not imported only its results tell.
  const { name, title } = TASKS.find(task?.id ?? CLASSIFICATION)?.score ?? { name: OWN_SCORE, title: `${task?.id}` };
  const column = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return { entry: name, merged: `merged${name[0]?.toUpperCase()}${name.slice(1)}`, column, title };
}

/**
 * The number by which a result is compared; 0 to 1.
 * @example
 * ```ts
 * const [hash] = Object.keys(grid.runs);
 * const result = await readResult('results', hash);
 * if (result) console.log(scoreValue(result));
 * ```
 */
export const scoreValue = (result: Result): number => measureOf(result, scoreOf(result.spec).entry) as number;

/** A measure of a result's task, by its name. */
export const measureOf = (result: Result, name: string): unknown =>
  (result as unknown as Record<string, unknown>)[name];
