/** What `refconv train` needs to know of a task. */
import type { ImageDataset, ImageFiles, OpenDataset } from '@refconv/datasets';
import type { Selection } from '@refconv/refconv';
import type { ImageResult, Measured, ModelNotes, Normalisation, Recipe, Task, TrainingData } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import type { SourceOptions } from './source.js';

/** The options of the command that its tasks read. */
export interface TaskOptions extends SourceOptions {
  data: string;
  mean?: number[];
  std?: number[];
  transform?: string;
  /** The recipe's, of training images in files, where --transform is not given; its size is the evaluation's. */
  recipeTransform?: string;
  testTransform?: string;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  newHead?: boolean;
  seed: number;
}

/** A network with what its classes are. */
export interface PreparedNetwork {
  model: LayersModel;
  notes: ModelNotes;
  classes: readonly string[];
}

/** What is trained on, as `fit` takes it, and what the model's folder tells of it. */
export interface PreparedImages {
  data: TrainingData & { train: object; test: NonNullable<TrainingData['test']> };
  /** Height × width, to read. */
  size: string;
  fit: { recipe: Recipe } & Normalisation;
  notes: Partial<ModelNotes>;
  close(): Promise<void>;
}

export interface TrainingTask<P extends ImageResult, E extends Measured> {
  task: Task<P, E>;
  /** Where nothing else is said. */
  recipe: Recipe;
  /** The convolutions that a method takes by default. Left out: all spatial ones. */
  select?: Selection;
  /** The network, and the data with the labels that its classes have. */
  prepare(
    data: OpenDataset<ImageDataset | ImageFiles>,
    options: TaskOptions,
  ): Promise<{ network: PreparedNetwork; data: OpenDataset }>;
  images(
    data: OpenDataset,
    model: LayersModel,
    notes: ModelNotes,
    recipe: Recipe,
    options: TaskOptions,
  ): PreparedImages;
  /** Writes what the final pass over the test images gave. */
  write(folder: string, results: readonly P[], evaluation: E, classes: readonly string[]): Promise<void>;
  /** The measures, to read. */
  text(evaluation: E): string;
}
