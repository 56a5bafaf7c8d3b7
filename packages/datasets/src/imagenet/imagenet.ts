/** ImageNet (ILSVRC2012) in the forms in which people have it. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageSource, shared, textAt } from '../loader/source.js';
import { dataPlaces, type Environment } from '../places.js';
import { readDevkit } from './devkit.js';
import { imageFolder } from './imageFolder.js';
import { type TarIndex, tarIndex } from './tarIndex.js';

const TRAIN_TAR = 'ILSVRC2012_img_train.tar';
const VAL_TAR = 'ILSVRC2012_img_val.tar';
const DEVKITS = ['ILSVRC2012_devkit_t12.tar.gz', 'ILSVRC2012_devkit_t12'];

export interface ImageNetOptions {
  /** The place to look first: it, or `imagenet` in it, has `train` and `val`, or the official tars. */
  folder?: string;
  log?: (message: string) => void;
}

/** The two splits, with the same classes: the sorted WordNet ids. */
export interface ImageNet {
  train: ImageSource;
  val: ImageSource;
}

/**
 * ImageNet from folders (`train/n01440764/…`, `val/n01440764/…`), from the official tars, which stay packed and get an
 * index beside them, or one split from each. The validation tar's labels come from the devkit beside it.
 *
 * Looks in the folder given, `REFCONV_DATA`, and `data` in the cache.
 *
 * @throws {Error} says where it looked and what is missing.
 */
export async function loadImageNet(
  options: ImageNetOptions = {},
  environment: Environment = process.env,
): Promise<ImageNet> {
  const places = dataPlaces(options.folder, environment).flatMap(({ path }) => [path, join(path, 'imagenet')]);
  const folder = places.find(holdsSplit);
  if (folder === undefined) {
    const looked = places.map((path) => `  ${path}${existsSync(path) ? '' : ' (does not exist)'}`).join('\n');
    throw new Error(
      `ImageNet was not found. Looked in:\n${looked}\neach for train and val with a folder for each class, or for ` +
        `${TRAIN_TAR} and ${VAL_TAR} with ${DEVKITS[0]}. They can be had at https://image-net.org after signing in; ` +
        'then set REFCONV_DATA to the folder that they lie in.',
    );
  }
  const train = await trainSplit(folder, options.log);
  const val = await valSplit(folder, options.log);
  if (train.classes.join() !== val.classes.join()) {
    const [a, b] = [train, val].map(({ source, classes }) => `${source} has ${classes.length} (${classes[0]}, …)`);
    throw new Error(`The classes of the two splits differ: ${a}; ${b}.`);
  }
  return { train, val };
}

function holdsSplit(folder: string): boolean {
  return ['train', 'val', TRAIN_TAR, VAL_TAR].some((name) => existsSync(join(folder, name)));
}

async function trainSplit(folder: string, log?: (message: string) => void): Promise<ImageSource> {
  if (isFolder(join(folder, 'train'))) return imageFolder(join(folder, 'train'), { name: 'imagenet' });
  const path = join(folder, TRAIN_TAR);
  if (!existsSync(path)) throw missing(folder, 'training', `train or ${TRAIN_TAR}`);
  const index = await tarIndex(path, log);
  const labels = Int32Array.from(index.groupOf);
  if (index.groups.length === 0) throw new Error(`${path} has no tars within; expected one for each class.`);
  return archive(path, index, index.groups, labels);
}

async function valSplit(folder: string, log?: (message: string) => void): Promise<ImageSource> {
  if (isFolder(join(folder, 'val'))) return imageFolder(join(folder, 'val'), { name: 'imagenet' });
  const path = join(folder, VAL_TAR);
  if (!existsSync(path)) throw missing(folder, 'validation', `val or ${VAL_TAR}`);
  const kit = DEVKITS.map((name) => join(folder, name)).find((file) => existsSync(file));
  if (kit === undefined) throw missing(folder, 'validation', `${DEVKITS[0]}, which has the labels of ${VAL_TAR}`);
  const [{ classes, validationLabels }, index] = [await readDevkit(kit), await tarIndex(path, log)];
  const labels = Int32Array.from({ length: index.count }, (_, i) => {
    const name = textAt(index.names, i);
    const label = validationLabels[Number(/^ILSVRC2012_val_(\d{8})\.JPEG$/.exec(name)?.[1]) - 1];
    if (label === undefined) {
      throw new Error(
        `${path}: ${name} has no line among the ${validationLabels.length} of the devkit's ground truth.`,
      );
    }
    return label;
  });
  return archive(path, index, classes, labels);
}

function archive(
  path: string,
  { count, offsets, sizes, names }: TarIndex,
  classes: string[],
  from: Int32Array,
): ImageSource {
  const labels = shared(Int32Array, count);
  labels.set(from);
  const place = { kind: 'archive' as const, path, offsets, sizes, names };
  return { name: 'imagenet', classes, count, labels, place, source: path };
}

function missing(folder: string, split: string, what: string): Error {
  return new Error(`${folder} lacks ImageNet's ${split} images: expected ${what}.`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
