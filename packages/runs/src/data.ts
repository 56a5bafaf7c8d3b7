/** The images of a run. */
import {
  CIFAR10_MEAN,
  CIFAR10_STD,
  channelStatistics,
  findCifar10,
  findCifar100,
  type ImageDataset,
  type ImageSplit,
  loadCifar10,
  loadCifar100,
  stream,
  syntheticDataset,
} from '@refconv/datasets';
import type { Spec } from './spec.js';

/** A data set with its channels' statistics, in units where 255 is 1. */
export interface RunData {
  data: ImageDataset;
  mean: readonly number[];
  std: readonly number[];
}

/** @throws Error where a set's images are not on this machine, before anything is started. */
export function checkData({ name }: Spec['data']): void {
  if (name === 'imagenet') {
    throw new Error(
      'Runs on ImageNet can be planned but not trained yet: the training loop takes images that are in memory. ' +
        'Choose another preset, or --set data.name=cifar10.',
    );
  }
  const find = { cifar10: findCifar10, cifar100: findCifar100, synthetic: () => true }[name];
  if (find()) return;
  throw new Error(
    `${name} was not found: set REFCONV_DATA to the folder that holds it, or fetch it, or --set data.name=synthetic.`,
  );
}

/** @throws Error where the set is not found, is damaged, or has fewer images than asked for. */
export async function loadData({ name, train, test, size, validation }: Spec['data']): Promise<RunData> {
  if (name === 'synthetic') {
    const data = syntheticDataset({ train, test, size });
    const statistics = channelStatistics(data.train);
    if (validation === undefined) return { data, ...statistics };
    // Pictures of another seed: this set has no end that they could be held out of.
    const held = syntheticDataset({ train: 1, test: validation, size, seed: 2 }).test;
    return { data: { ...data, test: held }, ...statistics };
  }
  checkData({ name });
  const log = (line: string) => console.log(line);
  const whole = name === 'cifar10' ? await loadCifar10({ log }) : await loadCifar100({ log });
  const shuffled = (indices: Uint32Array) => stream(0, 'subset').shuffle(indices);
  if (validation !== undefined && (train ?? whole.train.count) + validation > whole.train.count) {
    throw new Error(
      `The spec trains on ${train ?? 'all'} images and holds out ${validation}; there are ${whole.train.count}.`,
    );
  }
  const data = {
    ...whole,
    train: chosen(whole.train, train, shuffled),
    // From the other end of the same order, so that no part that is trained on has them.
    test: validation
      ? chosen(whole.train, validation, (indices) => shuffled(indices).reverse())
      : chosen(whole.test, test, (indices) => indices),
  };
  // Of the whole set, so that a part of it is normalised the same.
  return name === 'cifar10'
    ? { data, mean: CIFAR10_MEAN, std: CIFAR10_STD }
    : { data, ...channelStatistics(whole.train) };
}

function chosen(
  split: ImageSplit,
  count: number | undefined,
  order: (indices: Uint32Array) => Uint32Array,
): ImageSplit {
  if (count === undefined || count === split.count) return split;
  if (count > split.count) throw new Error(`The spec asks for ${count} images; there are ${split.count}.`);
  const size = split.height * split.width * split.channels;
  const indices = order(Uint32Array.from({ length: split.count }, (_, i) => i)).subarray(0, count);
  const images = new Uint8Array(count * size);
  indices.forEach((from, to) => {
    images.set(split.images.subarray(from * size, (from + 1) * size), to * size);
  });
  return { ...split, images, labels: Int32Array.from(indices, (i) => split.labels[i] as number), count };
}
