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

/** The names of the fine classes in the order of the labels, which is that of the alphabet. */
export const CIFAR100_CLASSES: readonly string[] = (
  'apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle ' +
  'bowl boy bridge bus butterfly camel can castle caterpillar cattle ' +
  'chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur ' +
  'dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard ' +
  'lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain ' +
  'mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree ' +
  'plain plate poppy porcupine possum rabbit raccoon ray road rocket ' +
  'rose sea seal shark shrew skunk skyscraper snail snake spider ' +
  'squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor ' +
  'train trout tulip turtle wardrobe whale willow_tree wolf woman worm '
)
  .trim()
  .split(' ');

const CIFAR100: Variant = {
  name: 'cifar100',
  title: 'CIFAR-100',
  // Address and MD5 are those of the table on https://www.cs.toronto.edu/~kriz/cifar.html, as copied independently by several
  // readers of the binary version; its line for the Python version is torchvision's tgz_md5 (torchvision/datasets/cifar.py).
  address: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
    md5: '03b5dce01913d631647c71ecec9e9cb8',
  },
  archive: 'cifar-100-binary.tar.gz',
  archiveSize: '161 MiB',
  folder: 'cifar-100-binary',
  trainFiles: ['train.bin'],
  testFile: 'test.bin',
  records: [50_000, 10_000],
  labelBytes: 2,
  classCount: 100,
  classNameFile: 'fine_label_names.txt',
  classes: CIFAR100_CLASSES,
};

/**
 * Where CIFAR-100 lies, without reading it: in the folder given; without one in `REFCONV_DATA`, then in the cache. A folder with only some
 * of the files counts: to pass over it would hide that it is damaged.
 * @example
 * ```ts
 * if (!findCifar100()) console.log('CIFAR-100 is not here: set REFCONV_DATA');
 * ```
 */
export function findCifar100(
  options: Pick<CifarOptions, 'folder'> = {},
  environment: Environment = process.env,
): CifarLocation | undefined {
  return findCifar(CIFAR100, options, environment);
}

/**
 * Loads CIFAR-100 with its 100 fine labels (Krizhevsky, "Learning multiple layers of features from tiny images", 2009):
 * 50,000 training and 10,000 test images `[n, 32, 32, 3]`, 184 MB of memory.
 *
 * @throws {Error} if it is found nowhere, a file is missing, cut off or damaged, or the download fails.
 * @example
 * ```ts
 * const { train, test, classes } = await loadCifar100();
 * ```
 */
export async function loadCifar100(options: CifarOptions = {}): Promise<ImageDataset> {
  return loadCifar100With(options, {});
}

/** {@link loadCifar100}, with what tests put in place of the real thing. */
export async function loadCifar100With(options: CifarOptions, internals: CifarInternals): Promise<ImageDataset> {
  return loadCifar(CIFAR100, options, internals);
}
