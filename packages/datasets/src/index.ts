export {
  type Augmentation,
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  CIFAR10_MEAN,
  CIFAR10_STD,
} from './batches.js';
export {
  CIFAR10_CLASSES,
  type Cifar10Location,
  type Cifar10Options,
  findCifar10,
  loadCifar10,
} from './cifar10.js';
export { checkSplit, type ImageDataset, type ImageSplit } from './dataset.js';
export { cacheFolder, type Environment } from './places.js';
export { Random, type StreamKey, stream } from './random.js';
export { channelStatistics } from './statistics.js';
export { type SyntheticOptions, syntheticDataset } from './synthetic.js';
