/** What a run's task needs beside the loop: its measures for the result, and its files. Loads TensorFlow. */
import { detection } from '@refconv/detection';
import { writeDetection } from '@refconv/detection/results';
import { segmentation } from '@refconv/segmentation';
import { writeSegmentation } from '@refconv/segmentation/results';
import {
  classification,
  type Evaluation,
  type ImageResult,
  type Measured,
  type Prediction,
  type Task,
  type TrainingData,
  writePredictions,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { writeBoxPictures, writePictures } from './pictures.js';
import type { Result } from './result.js';
import type { Spec } from './spec.js';

export interface RunTask<P extends ImageResult, E extends Measured> {
  task: Task<P, E>;
  /** Files about the final pass. */
  write(folder: string, results: readonly P[], evaluation: E, classes: readonly string[]): Promise<void>;
  /** A picture of it. */
  pictures?: (folder: string, model: LayersModel, data: TrainingData) => Promise<void>;
  /** What a result holds of it. */
  measures(evaluation: E): Partial<Result>;
}

const CLASSIFICATION: RunTask<Prediction, Evaluation> = {
  task: classification,
  write: (folder, results) => writePredictions(folder, results),
  measures: ({ top1, top5 }) => ({ top1, top5 }),
};

type SegmentationTask = typeof segmentation extends Task<infer P, infer E> ? RunTask<P, E> : never;

const SEGMENTATION: SegmentationTask = {
  task: segmentation,
  write: writeSegmentation,
  pictures: writePictures,
  measures: ({ meanIou, pixelAccuracy, iou }) => ({ meanIou, pixelAccuracy, iou }),
};

type DetectionTask = typeof detection extends Task<infer P, infer E> ? RunTask<P, E> : never;

const DETECTION: DetectionTask = {
  task: detection,
  write: writeDetection,
  pictures: writeBoxPictures,
  measures: ({ ap, ap50, voc12, classAp }) => ({ ap, ap50, voc12, classAp }),
};

/** Runs a function with the task of a spec. */
export function withTask<T>(
  { task }: Pick<Spec, 'task'>,
  run: <P extends ImageResult, E extends Measured>(task: RunTask<P, E>) => T,
): T {
  if (task?.id === 'segmentation') return run(SEGMENTATION);
  return task?.id === 'detection' ? run(DETECTION) : run(CLASSIFICATION);
}
