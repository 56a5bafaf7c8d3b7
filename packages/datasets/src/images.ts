/** Labelled images as trainings and evaluations have them, an epoch of batches at a time, wherever they lie. */
import type { Augmentation, Batch } from './batches.js';
import type { Statistics } from './definition.js';
import type { Target } from './loader/annotations.js';
import type { BrokenImage } from './loader/protocol.js';
import type { ImageSource } from './loader/source.js';
import type { Shard } from './shard.js';
import type { Transform } from './transform/parse.js';

export interface ImageBatch extends Batch {
  /** `[size]`: the images' indices in their source. */
  indices?: Int32Array;
  /** The number of the batch in its epoch, from 0, where some may be left out. */
  number?: number;
  /** Where the images have annotations. */
  targets?: readonly Target[];
}

/** A way through the images, epoch after epoch. */
export interface Epochs {
  batchesPerEpoch: number;
  /**
   * The batches of an epoch from the `from`-th on. To be ended by `return` if it is left before its end. A batch's arrays are filled anew by later
   * ones: it is valid until the next is asked for, or where `ahead` is set the one after that.
   */
  epoch(epoch: number, from: number): Generator<ImageBatch, void> | AsyncGenerator<ImageBatch, void>;
  /** Whether the next batch may be asked for while this one is still in use. */
  ahead: boolean;
}

/** How a training goes through its images. */
export interface TrainingOrder {
  /** Images in a batch of this shard. */
  batchSize: number;
  seed: number;
  /** Leaves out the last batch where it is smaller than the others. */
  dropLast: boolean;
  augment: Augmentation;
  shard: Shard;
}

/**
 * Images with what belongs to them: how they are normalised, and what is done to them. {@link MemoryImages} and {@link Loader} are two kinds; who
 * trains or evaluates asks neither which it is.
 */
export interface Images {
  /** Images in an epoch, of all shards. */
  readonly count: number;
  /** `[height, width, channels]` of an image. */
  readonly shape: readonly [number, number, number];
  /** Of the channels, in the order in which batches have them. */
  readonly normalisation: Statistics;
  /** What is done to an image, where that is more than to normalise it. */
  readonly transform?: Transform;
  /** The files that the images come from, and their annotations. */
  readonly source?: ImageSource;
  /** What could not be read so far, each image once. */
  readonly broken: readonly BrokenImage[];
  /**
   * In a new order in each epoch.
   * @throws {RangeError} if what the images are loaded by contradicts it.
   */
  training(order: TrainingOrder): Epochs;
  /**
   * This shard's images in their order, once through.
   * @param batchSize at most so many images in a batch, where the images do not say it themselves.
   * @throws {RangeError} if images are mixed.
   */
  evaluation(batchSize: number, shard: Shard): Epochs;
}
