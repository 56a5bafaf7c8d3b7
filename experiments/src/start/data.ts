/** The images of `npm start`. */
import {
  CIFAR10_MEAN,
  CIFAR10_STD,
  channelStatistics,
  findCifar10,
  type ImageDataset,
  type ImageSplit,
  loadCifar10,
  stream,
  syntheticDataset,
} from '@refconv/datasets';

/** A data set with its channels' statistics, in units where 255 is 1. */
export interface StartData {
  data: ImageDataset;
  mean: readonly number[];
  std: readonly number[];
}

/**
 * CIFAR-10 with some of its training images and all test images, where it is found or may be fetched; else the synthetic set
 * with as many training images. `log` is told which.
 * @throws Error where there are not so many images, or what is found of CIFAR-10 is damaged.
 */
export async function startData(options: {
  /** Number of training images. */
  images: number;
  /** Fetch CIFAR-10 into the cache where it is not found. */
  download: boolean;
  log: (line: string) => void;
}): Promise<StartData> {
  const { images, download, log } = options;
  if (!download && !findCifar10()) {
    log(
      'CIFAR-10 was not found (set REFCONV_DATA to its folder, or add --download): a synthetic set of small pictures takes its place.',
    );
    const data = syntheticDataset({ train: images, test: 2000 });
    return { data, ...channelStatistics(data.train) };
  }
  const data = await loadCifar10({ download, log });
  return { data: { ...data, train: subset(data.train, images) }, mean: CIFAR10_MEAN, std: CIFAR10_STD };
}

/** Images chosen at random, the same ones for every seed of the training. */
export function subset(split: ImageSplit, count: number): ImageSplit {
  if (count > split.count) throw new Error(`There are ${split.count} training images; given --images ${count}.`);
  if (count === split.count) return split;
  const size = split.height * split.width * split.channels;
  const chosen = stream(0, 'subset')
    .shuffle(Uint32Array.from({ length: split.count }, (_, i) => i))
    .subarray(0, count);
  const images = new Uint8Array(count * size);
  chosen.forEach((from, to) => {
    images.set(split.images.subarray(from * size, (from + 1) * size), to * size);
  });
  return { ...split, images, labels: Int32Array.from(chosen, (i) => split.labels[i] as number), count };
}
