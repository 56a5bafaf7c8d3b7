/** A task: what a network is trained for. The loop, checkpoints and evaluation know it by this interface alone. */

import type { ImageBatch, Statistics } from '@refconv/datasets';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Recipe } from './recipe.js';

/** What every evaluation tells, whatever else it measures. */
export interface Measured {
  /** Images. */
  count: number;
  /** Mean loss, without label smoothing and the like. */
  loss: number;
  /** Images with an output that is NaN or infinite. */
  notFinite: number;
}

/** What a network makes of one image: all measures are reductions of these. */
export interface ImageResult {
  /** The image's path in its folder, where it is in a file. */
  file?: string;
}

/** What a recipe says about the loss. */
export type LossOptions = Pick<Recipe, 'labelSmoothing' | 'loss' | 'distillation' | 'adversarial'>;

/** What a loss may need besides images and targets. */
export interface LossContext {
  /** [2], int32: another one for each step. What is drawn at random follows from it. */
  seed?: Tensor1D | undefined;
  /** How the images are normalised. */
  pixels?: Statistics | undefined;
}

/**
 * One of one's own is a value with these members, given to `fit` and `predict` as `task`.
 * @typeParam P what a network makes of one image.
 * @typeParam E what an evaluation measures.
 * @typeParam V what is computed of a batch in evaluation mode.
 */
export interface Task<
  P extends ImageResult = ImageResult,
  E extends Measured = Measured,
  V extends Record<string, Tensor> = Record<string, Tensor>,
> {
  readonly id: string;
  /** The measure by which epochs and networks are compared: an entry of the evaluation, from 0 to 1, the higher the better. */
  readonly score: { readonly name: keyof E & string; readonly title: string };
  /** @throws Error where the model does not give what the task needs. */
  checkModel(model: LayersModel): void;
  /** @throws Error where the model cannot be trained, or the recipe has what the task does not. */
  checkTraining(model: LayersModel, options: LossOptions): void;
  /** How many classes the model tells apart. */
  classesOf(model: LayersModel): number | undefined;
  /**
   * What a batch's images are to be taken for, as tensors whose shapes are the same for every batch but for the number of images, which comes
   * first. The caller disposes of them.
   * @throws Error where the batch lacks it.
   */
  targets(batch: ImageBatch, classes: number): Tensor[];
  /** The mean loss of a forward pass in training mode; differentiated and compiled, so nothing in it may read a value. */
  loss(model: LayersModel, images: Tensor4D, targets: Tensor[], options: LossOptions & Pass): Scalar;
  /** The images that a step sees, where the recipe changes them. Left out: as they are. */
  shown?(model: LayersModel, images: Tensor4D, targets: Tensor[], options: LossOptions, context: LossContext): Tensor4D;
  /** What is computed of each image in evaluation mode, compiled: tensors [n, …] by name. */
  evaluation(model: LayersModel): (images: Tensor4D, ...targets: Tensor[]) => V;
  /** What {@link evaluation} has computed of a batch, as a value for each of its images. */
  results(values: Readonly<Record<keyof V, Float32Array | Int32Array>>, batch: ImageBatch, classes: number): P[];
  /** @throws RangeError if there are no results. */
  evaluationOf(results: readonly P[]): E;
}

/** What a step gives its loss. */
export interface Pass {
  forward: Forward;
  /** What the teacher makes of the images: logits [n, classes], where the recipe distils. */
  taught?: Tensor2D | undefined;
}

/** Runs the network's forward pass; what it drops at random follows from the step's seed. */
export type Forward = <T>(pass: () => T) => T;
