/** What a network is trained on and evaluated by, and this process's way through it. */
import type { Epochs, Images } from '@refconv/datasets';
import type { Recipe } from './recipe.js';
import { workerShard } from './workers.js';

export type SplitName = 'validation' | 'test';

/** What a network is trained on, and the images it is evaluated by: of one kind at least. */
export interface TrainingData {
  /** Short name, e.g. `cifar10`. */
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  train: Images;
  /** Held out of the training images, to choose by: evaluated after each epoch. */
  validation?: Images;
  /** Evaluated once, after the last epoch; where there is no validation split, after each. */
  test?: Images;
}

/**
 * The images whose numbers a training ends with: the test split where there is one.
 * @throws {RangeError} if there is neither.
 * @example
 * ```ts
 * const images = finalSplit(set); // the test images, where there are some
 * ```
 */
export function finalSplit({ test, validation }: Pick<TrainingData, SplitName>): Images {
  const split = test ?? validation;
  if (!split) throw new RangeError('The data have neither a test nor a validation split; give one of them.');
  return split;
}

/**
 * Of each of the recipe's batches this process's share.
 * @throws {RangeError} if the images' own options contradict the recipe, or the workers cannot share its batches evenly.
 * @example
 * ```ts
 * for await (const { images, labels } of trainingEpochs(set.train, PAPER_RECIPE).epoch(0, 0)) console.log(images.length, labels[0]);
 * ```
 */
export function trainingEpochs(images: Images, recipe: Recipe): Epochs {
  requireImages(images);
  const { dropLast, seed, augment } = recipe;
  const shard = workerShard();
  checkShares(images.count, recipe, shard.of);
  return images.training({ batchSize: recipe.batchSize / shard.of, dropLast, seed, augment, shard });
}

/** @throws {RangeError} where the workers would have unlike numbers of images in a batch: their mean would not be the batch's. */
function checkShares(count: number, { batchSize, dropLast }: Recipe, workers: number): void {
  const last = dropLast ? 0 : count % batchSize;
  if (batchSize % workers === 0 && last % workers === 0) return;
  const [what, remedy] =
    batchSize % workers !== 0
      ? [`a batchSize of ${batchSize}`, `give one that is a multiple of ${workers}`]
      : [`the last batch of ${last} images`, 'set dropLast to true, or choose another batchSize'];
  throw new RangeError(`${workers} workers cannot share ${what} evenly: ${remedy}.`);
}

/** Images a call of an evaluation. */
const AT_ONCE = 250;

/** This process's share of the images, in their order, once through. */
export function evaluationEpochs(images: Images, batchSize = AT_ONCE): Epochs {
  requireImages(images);
  return images.evaluation(batchSize, workerShard());
}

/** @throws {TypeError} of arrays, as JavaScript lets them through. */
function requireImages(images: Partial<Images>): void {
  if (images.evaluation) return;
  throw new TypeError(
    'Images in memory need mean and std: give what normalised(data, { mean, std }) makes of a data set.',
  );
}

/** Of each split for evaluation that is there, what `of` gives of it. */
export function evaluationSplits<S, T>(
  { validation, test }: Partial<Record<SplitName, S>>,
  of: (split: S) => T,
): Partial<Record<SplitName, T>> {
  return { ...(validation && { validation: of(validation) }), ...(test && { test: of(test) }) };
}

/** What tells one run's data from another's. */
export function describeData({ name, classes, train, ...evaluated }: TrainingData) {
  const splits = [train, evaluated.validation, evaluated.test].filter((split) => split !== undefined);
  const transforms = splits.flatMap(({ transform }) => (transform ? [transform.text] : []));
  const { mean, std } = splits.find(({ transform }) => !transform)?.normalisation ?? {};
  const counts = evaluationSplits(evaluated, ({ count }) => count);
  const data = { name, classes: classes.length, train: train.count, ...counts, size: [...train.shape] };
  return { data: transforms.length > 0 ? { ...data, transforms } : data, mean, std };
}
