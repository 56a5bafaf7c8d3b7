/** Images in memory that are only normalised. */
import { batchCount, batches } from './batches.js';
import type { ImageDataset, ImageSplit } from './dataset.js';
import type { Statistics } from './definition.js';
import type { Epochs, Images, TrainingOrder } from './images.js';
import { type Shard, shardCount } from './shard.js';
import { channelStatistics } from './statistics.js';

/** The batch in use and the one ahead. With new ones for each batch, their collection would take several percent of a training's time. */
const BUFFERS = 2;

/** A split in memory, and by what it is normalised. A training's augmentation is the recipe's. */
export class MemoryImages implements Images {
  readonly count: number;
  readonly shape: readonly [number, number, number];
  readonly broken = [];

  constructor(
    readonly split: ImageSplit,
    readonly normalisation: Statistics,
  ) {
    this.count = split.count;
    this.shape = [split.height, split.width, split.channels];
  }

  training({ batchSize, dropLast, shard, ...order }: TrainingOrder): Epochs {
    const settings = { ...order, ...this.normalisation, batchSize, dropLast, shard, shuffle: true, buffers: BUFFERS };
    return {
      batchesPerEpoch: batchCount(this.count, batchSize * shard.of, dropLast),
      epoch: (epoch, from) => {
        const feed = batches(this.split, { ...settings, epoch });
        for (let done = 0; done < from; done++) feed.next();
        return feed;
      },
      ahead: true,
    };
  }

  evaluation(atMost: number, shard: Shard): Epochs {
    const count = shardCount(this.count, shard, false);
    const batchSize = Math.min(atMost, Math.max(1, count));
    return {
      batchesPerEpoch: batchCount(count, batchSize),
      epoch: () => batches(this.split, { ...this.normalisation, batchSize, shard, buffers: BUFFERS }),
      ahead: true,
    };
  }
}

/** A data set as trainings have it. */
export interface MemoryDataset {
  name: string;
  classes: string[];
  train: MemoryImages;
  validation?: MemoryImages;
  test: MemoryImages;
}

/**
 * A data set in memory as `fit` and `evaluate` take it: all of its splits normalised by the same numbers.
 * @param statistics default: those of the training images.
 * @example
 * ```ts
 * const { train, test } = normalised(await loadCifar10(), { mean: CIFAR10_MEAN, std: CIFAR10_STD });
 * ```
 */
export function normalised(
  { name, classes, train, validation, test }: ImageDataset,
  { mean, std }: Statistics = channelStatistics(train),
): MemoryDataset {
  const by = (split: ImageSplit) => new MemoryImages(split, { mean, std });
  return { name, classes, train: by(train), ...(validation && { validation: by(validation) }), test: by(test) };
}
