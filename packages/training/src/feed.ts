/** Batches for training and evaluation: of images in memory, or from loaders. */
import {
  type Batch,
  batchCount,
  batches,
  type ImageSplit,
  type LoadedBatch,
  Loader,
  shardCount,
} from '@refconv/datasets';
import type { Recipe } from './recipe.js';
import { workerShard } from './workers.js';

/** Images that loaders decode, augment and normalise. */
export interface LoadedDataset {
  /** Short name, e.g. `imagenet`. */
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  /** With the recipe's batchSize, seed and dropLast, and shuffled. */
  train: Loader;
  validation?: Loader;
  test: Loader;
}

export type SplitName = 'validation' | 'test';

/** What a network is trained on, and the images it is evaluated by: of one kind at least. */
export interface TrainingData {
  /** Short name, e.g. `cifar10`. */
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  train: ImageSplit | Loader;
  /** Held out of the training images, to choose by: evaluated after each epoch. */
  validation?: ImageSplit | Loader;
  /** Evaluated once, after the last epoch; where there is no validation split, after each. */
  test?: ImageSplit | Loader;
}

/**
 * The images whose numbers a training ends with: the test split where there is one.
 * @throws {RangeError} if there is neither.
 * @example
 * ```ts
 * const split = finalSplit(data); // the test images, where there are some
 * ```
 */
export function finalSplit({ test, validation }: Pick<TrainingData, SplitName>): ImageSplit | Loader {
  const split = test ?? validation;
  if (!split) throw new RangeError('The data have neither a test nor a validation split; give one of them.');
  return split;
}

/** Of each channel, in units where 255 is 1. For images in memory; a loader's transform has its own. */
export interface Normalisation {
  mean?: readonly number[];
  std?: readonly number[];
}

/** A loader's batches have numbers, as those that cannot be read are left out, and are mixed where its transform has mixup or cutmix. */
export type FeedBatch = Batch & Pick<LoadedBatch, 'mix'> & Partial<Pick<LoadedBatch, 'number' | 'indices' | 'targets'>>;

/** One split, an epoch at a time. */
export interface Feed {
  /** Images in an epoch. */
  count: number;
  batchesPerEpoch: number;
  /** `[height, width, channels]` of an image. */
  shape: readonly [number, number, number];
  /** The batches of an epoch from the `from`-th on. To be ended by `return` if it is left before its end. */
  epoch(epoch: number, from: number): Generator<FeedBatch, void> | AsyncGenerator<FeedBatch, void>;
  /** Whether the next batch may be asked for while this one is still in use. */
  ahead: boolean;
}

/**
 * Of each of the recipe's batches this process's share.
 * @throws {RangeError} if a loader's options contradict the recipe, or the workers cannot share its batches evenly.
 */
export function trainFeed(split: ImageSplit | Loader, recipe: Recipe, normalisation: Normalisation): Feed {
  const { dropLast, seed, augment } = recipe;
  const shard = workerShard();
  checkShares(split instanceof Loader ? split.source.count : split.count, recipe, shard.of);
  const batchSize = recipe.batchSize / shard.of;
  if (split instanceof Loader) {
    const { options } = split;
    const wrong = Object.entries({ batchSize, dropLast, seed, shuffle: true })
      .filter(([name, value]) => options[name as keyof typeof options] !== value)
      .map(([name, value]) => `${name} is ${options[name as keyof typeof options]} there and ${value} in the recipe`);
    if (Object.keys(augment).length > 0) {
      wrong.push(
        `its transform is "${split.transform.text}", and the recipe has an augmentation too: set augment to {}`,
      );
    }
    const { rank, of } = options.shard;
    if (rank !== shard.rank || of !== shard.of)
      wrong.push(`its shard is ${rank} of ${of}, and this worker ${shard.rank} of ${shard.of}`);
    if (shard.of > 1 && options.onBroken === 'skip')
      wrong.push(
        'images that cannot be read are left out there, and the workers would have batches of unlike sizes: see that all can be read',
      );
    if (wrong.length > 0) throw new RangeError(`The training loader does not fit the recipe: ${wrong.join('; ')}.`);
    return loaderFeed(split);
  }
  const settings = { batchSize, dropLast, seed, augment, shuffle: true, shard, ...complete(normalisation) };
  return {
    count: split.count,
    batchesPerEpoch: batchCount(split.count, recipe.batchSize, dropLast),
    shape: [split.height, split.width, split.channels],
    epoch: (epoch, from) => {
      const feed = batches(split, { ...settings, epoch });
      for (let done = 0; done < from; done++) feed.next();
      return feed;
    },
    ahead: true,
  };
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

/**
 * This process's share of the images, in the order of the split, once through.
 * @throws {RangeError} if a loader's transform mixes images.
 */
export function testFeed(split: ImageSplit | Loader, normalisation: Normalisation, batchSize = 250): Feed {
  if (split instanceof Loader) {
    const { steps, text } = split.transform;
    if (steps.some(({ name }) => name === 'mixup' || name === 'cutmix')) {
      throw new RangeError(`The test images' transform is "${text}": mixed images have no label to be compared with.`);
    }
    return loaderFeed(split);
  }
  const shard = workerShard();
  const count = shardCount(split.count, shard, false);
  const settings = { batchSize: Math.min(batchSize, Math.max(1, count)), shard, ...complete(normalisation) };
  return {
    count: split.count,
    batchesPerEpoch: batchCount(count, settings.batchSize),
    shape: [split.height, split.width, split.channels],
    epoch: () => batches(split, settings),
    ahead: true,
  };
}

function loaderFeed(loader: Loader): Feed {
  const { source, batchesPerEpoch, imageShape } = loader;
  return {
    count: source.count,
    batchesPerEpoch,
    shape: imageShape,
    epoch: (epoch, from) => loader.epoch(epoch, { from }),
    ahead: false,
  };
}

export function complete({ mean, std }: Normalisation): { mean: readonly number[]; std: readonly number[] } {
  if (!mean || !std)
    throw new RangeError('Images in memory need mean and std: those of the data, as channelStatistics tells.');
  return { mean, std };
}

/** Of each split for evaluation that is there, what `of` gives of it. */
export function evaluationSplits<S, T>(
  { validation, test }: Partial<Record<SplitName, S>>,
  of: (split: S) => T,
): Partial<Record<SplitName, T>> {
  return { ...(validation && { validation: of(validation) }), ...(test && { test: of(test) }) };
}

/** What tells one run's data from another's. */
export function describeData(data: TrainingData, train: Feed) {
  const { name, classes } = data;
  const size = [...train.shape];
  const splits = [data.train, data.validation, data.test];
  const transforms = splits.flatMap((split) => (split instanceof Loader ? [split.transform.text] : []));
  const evaluated = evaluationSplits(data, countOf);
  const described = { name, classes: classes.length, train: train.count, ...evaluated, size };
  return transforms.length > 0 ? { ...described, transforms } : described;
}

const countOf = (split: ImageSplit | Loader) => (split instanceof Loader ? split.source.count : split.count);
