/** ImageNet (ILSVRC2012) in the forms in which people have it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@refconv/files';
import { matchClasses, relabelled } from '../classes.js';
import { type ImageSource, shared, textAt, textList } from '../loader/source.js';
import { dataPlaces } from '../places.js';
import { readDevkit } from './devkit.js';
import { imageFolder } from './imageFolder.js';
import { type TarIndex, tarIndex } from './tarIndex.js';
import { IMAGENET_WNIDS } from './wnids.js';

const TRAIN_TAR = 'ILSVRC2012_img_train.tar';
const VAL_TAR = 'ILSVRC2012_img_val.tar';
/** The official names, by whose number the devkit knows them. */
const VAL_IMAGE = /^ILSVRC2012_val_(\d{8})\.JPEG$/;
const DEVKITS = ['ILSVRC2012_devkit_t12.tar.gz', 'ILSVRC2012_devkit_t12'];

export interface ImageNetOptions {
  /** The place to look, and no other: it, or `imagenet` in it, has `train` and `val`, or the official tars. */
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
 * index beside them, or one split from each. The labels of the validation tar, and of a `val` with its 50,000 files side by side,
 * come from the devkit beside it. Where all classes are among the 1000 of ILSVRC2012, labels are those of published weights,
 * also where some classes are missing.
 *
 * Looks in the folder given; without one in `REFCONV_DATA` and `data` in the cache.
 *
 * @throws {Error} says where it looked and what is missing.
 * @example
 * ```ts
 * const { train, val } = await loadImageNet({ folder: '/data/imagenet', log: console.log });
 * ```
 */
export async function loadImageNet(
  options: ImageNetOptions = {},
  environment: Environment = process.env,
): Promise<ImageNet> {
  const train = await loadImageNetSplit('train', options, environment);
  const val = await loadImageNetSplit('val', options, environment);
  const unknown = val.classes.filter((name) => !train.classes.includes(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).join(', ');
    throw new Error(
      `The classes of the two splits differ: ${val.source} has ${unknown.length} that ${train.source} lacks: ${some}.`,
    );
  }
  const { classes } = train;
  return { train, val: { ...relabelled(val, matchClasses(val.classes, classes)), classes } };
}

/**
 * One split of {@link loadImageNet}. A folder that itself has a folder for each class is taken for validation images.
 * @example
 * ```ts
 * const val = await loadImageNetSplit('val', { folder: '/data/imagenet' });
 * ```
 */
export async function loadImageNetSplit(
  split: 'train' | 'val',
  options: ImageNetOptions = {},
  environment: Environment = process.env,
): Promise<ImageSource> {
  const folder = findImageNet(options, environment);
  if (folder === undefined) {
    const looked = places(options, environment).map(
      (path) => `  ${path}${existsSync(path) ? '' : ' (does not exist)'}`,
    );
    const advice =
      options.folder === undefined
        ? 'set REFCONV_DATA to the folder that they lie in.'
        : 'give the folder that they lie in, or leave :DIR out to look in REFCONV_DATA.';
    throw new Error(
      `ImageNet was not found. Looked in:\n${looked.join('\n')}\neach for train and val with a folder for each class, or for ` +
        `${TRAIN_TAR} and ${VAL_TAR} with ${DEVKITS[0]}. They can be had at https://image-net.org after signing in; ` +
        `then ${advice}`,
    );
  }
  return standardLabels(await (split === 'train' ? trainSplit : valSplit)(folder, options.log));
}

/**
 * The first place that has a split of ImageNet, without reading it.
 * @example
 * ```ts
 * if (!findImageNet()) console.log('ImageNet is not here: set REFCONV_DATA');
 * ```
 */
export function findImageNet(
  options: ImageNetOptions = {},
  environment: Environment = process.env,
): string | undefined {
  return places(options, environment).find(
    (folder) =>
      ['train', 'val', TRAIN_TAR, VAL_TAR].some((name) => existsSync(join(folder, name))) || hasClasses(folder),
  );
}

function places({ folder }: ImageNetOptions, environment: Environment): string[] {
  return dataPlaces(folder, environment).flatMap(({ path }) => [path, join(path, 'imagenet')]);
}

const hasClasses = (folder: string) => isFolder(folder) && readdirSync(folder).some((name) => /^n\d{8}$/.test(name));

async function trainSplit(folder: string, log?: (message: string) => void): Promise<ImageSource> {
  if (isFolder(join(folder, 'train'))) return imageFolder(join(folder, 'train'), { name: 'imagenet' });
  const path = join(folder, TRAIN_TAR);
  if (!existsSync(path)) throw missing(folder, 'training', `train or ${TRAIN_TAR}`);
  const index = await tarIndex(path, log);
  if (index.groups.length === 0) throw new Error(`${path} has no tars within; expected one for each class.`);
  return archive(path, index, index.groups, index.groupOf);
}

async function valSplit(folder: string, log?: (message: string) => void): Promise<ImageSource> {
  const [val, path] = [join(folder, 'val'), join(folder, VAL_TAR)];
  if (isFolder(val)) {
    const names = readdirSync(val).filter((name) => VAL_IMAGE.test(name));
    if (names.length === 0) return imageFolder(val, { name: 'imagenet' });
    const { classes, labels } = await truthOf(folder, val, names.sort());
    const place = { kind: 'files' as const, root: val, names: textList(names) };
    return { name: 'imagenet', classes, count: names.length, labels, place, source: val };
  }
  if (existsSync(path)) {
    const index = await tarIndex(path, log);
    const names = Array.from({ length: index.count }, (_, i) => textAt(index.names, i));
    const { classes, labels } = await truthOf(folder, path, names);
    return archive(path, index, classes, labels);
  }
  if (hasClasses(folder)) return imageFolder(folder, { name: 'imagenet' });
  throw missing(folder, 'validation', `val or ${VAL_TAR}`);
}

/** The labels of the official validation images, from the devkit. */
async function truthOf(folder: string, path: string, names: readonly string[]) {
  const kit = DEVKITS.map((name) => join(folder, name)).find((file) => existsSync(file));
  if (kit === undefined) throw missing(folder, 'validation', `${DEVKITS[0]}, which has the labels of ${path}`);
  const { classes, validationLabels } = await readDevkit(kit);
  const labels = shared(Int32Array, names.length);
  names.forEach((name, i) => {
    const label = validationLabels[Number(VAL_IMAGE.exec(name)?.[1]) - 1];
    if (label === undefined) {
      throw new Error(
        `${path}: ${name} has no line among the ${validationLabels.length} of the devkit's ground truth.`,
      );
    }
    labels[i] = label;
  });
  return { classes, labels };
}

function archive(
  path: string,
  { count, offsets, sizes, names }: TarIndex,
  classes: string[],
  from: ArrayLike<number>,
): ImageSource {
  const labels = shared(Int32Array, count);
  labels.set(from);
  const place = { kind: 'archive' as const, path, offsets, sizes, names };
  return { name: 'imagenet', classes, count, labels, place, source: path };
}

/** With the 1000 classes, where the source's are among them. */
function standardLabels(source: ImageSource): ImageSource {
  const standard = source.classes.map((name) => IMAGENET_WNIDS.indexOf(name));
  if (standard.includes(-1)) return source;
  const labels = shared(Int32Array, source.count);
  labels.set(source.labels.map((label) => standard[label] as number));
  return { ...source, classes: [...IMAGENET_WNIDS], labels };
}

function missing(folder: string, split: string, what: string): Error {
  return new Error(`${folder} lacks ImageNet's ${split} images: expected ${what}.`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
