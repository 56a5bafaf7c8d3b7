import type { Environment } from '@refconv/files';
import {
  type CifarInternals,
  type CifarLocation,
  type CifarOptions,
  findCifar,
  loadCifar,
  type Variant,
} from './cifar.js';
import type { ImageDataset } from './dataset.js';

export type { CifarLocation as Cifar10Location, CifarOptions as Cifar10Options } from './cifar.js';

/** The class names in the order of the labels. */
export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

const CIFAR10: Variant = {
  name: 'cifar10',
  title: 'CIFAR-10',
  address: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
  },
  archive: 'cifar-10-binary.tar.gz',
  archiveSize: '162 MiB',
  folder: 'cifar-10-batches-bin',
  trainFiles: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  testFile: 'test_batch.bin',
  records: [10_000, 10_000],
  labelBytes: 1,
  classCount: 10,
  classNameFile: 'batches.meta.txt',
  classes: CIFAR10_CLASSES,
};

/**
 * Where CIFAR-10 lies, without reading it: in the folder given; without one in `REFCONV_DATA`, then in the cache. A folder with only some
 * of the files counts: to pass over it would hide that it is damaged.
 * @example
 * ```ts
 * if (!findCifar10()) console.log('CIFAR-10 is not here: set REFCONV_DATA');
 * ```
 */
export function findCifar10(
  options: Pick<CifarOptions, 'folder'> = {},
  environment: Environment = process.env,
): CifarLocation | undefined {
  return findCifar(CIFAR10, options, environment);
}

/**
 * Loads CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): 50,000 training and
 * 10,000 test images `[n, 32, 32, 3]`, 184 MB of memory.
 *
 * @throws {Error} if it is found nowhere, a file is missing, cut off or damaged, or the download fails.
 * @example
 * ```ts
 * const { train, test, classes } = await loadCifar10({ folder: '/data/cifar-10-batches-bin' });
 * ```
 */
export async function loadCifar10(options: CifarOptions = {}): Promise<ImageDataset> {
  return loadCifar10With(options, {});
}

/** {@link loadCifar10}, with what tests put in place of the real thing. */
export async function loadCifar10With(options: CifarOptions, internals: CifarInternals): Promise<ImageDataset> {
  return loadCifar(CIFAR10, options, internals);
}
