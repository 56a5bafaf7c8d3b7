/** Data sets by their names: which there are, and how each is opened. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@refconv/files';
import { CIFAR10_MEAN, CIFAR10_STD } from './batches.js';
import { findCifar10, loadCifar10With } from './cifar10.js';
import { findCifar100, loadCifar100With } from './cifar100.js';
import type { ImageDataset } from './dataset.js';
import { type BoxSplitReader, boxSet } from './detection/boxSets.js';
import { COCO_FORMS, cocoSplit } from './detection/coco.js';
import { objects } from './detection/objects.js';
import { VOC_FORMS, vocSplit } from './detection/voc.js';
import { classFolders, imageFolder } from './imagenet/imageFolder.js';
import { findImageNet, loadImageNet, loadImageNetSplit } from './imagenet/imagenet.js';
import { type ImageSource, memorySource } from './loader/source.js';
import { dataPlaces } from './places.js';
import { CAMVID_SHAPE, findCamVid, loadCamVid, loadCamVidSplit } from './segmentation/camvid.js';
import { segmentationSet, segmentationSplit } from './segmentation/labelSets.js';
import { SCENE_SIZE, type ScenesOptions, scenes } from './segmentation/scenes.js';
import { channelStatistics } from './statistics.js';
import { type SyntheticOptions, syntheticDataset } from './synthetic.js';
import { IMAGENET_MEAN, IMAGENET_STD } from './transform/parse.js';

/** Which images of a set; not all have `val`. */
export type SplitId = 'train' | 'val' | 'test';

/** Images in files, which a {@link Loader} reads. */
export interface ImageFiles {
  /** Short name, e.g. `imagenet`. */
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  train: ImageSource;
  /** Held out of the training images, to choose by: see `holdOut`. */
  validation?: ImageSource;
  test: ImageSource;
  /** Where it came from. */
  source: string;
  /** Height and width, where all images have the same. */
  shape?: readonly [number, number];
}

/** Of each channel, in units where 255 is 1. */
export interface Statistics {
  mean: readonly number[];
  std: readonly number[];
}

/** A data set, and by what its images are normalised unless they are for a network that wants something else. */
export interface OpenDataset<D extends ImageDataset | ImageFiles = ImageDataset | ImageFiles> extends Statistics {
  data: D;
}

export interface OpenOptions {
  /** Fetches CIFAR into the cache where it is not found. Default: false. */
  download?: boolean;
  log?: (message: string) => void;
  /** Of the sets that are drawn. */
  synthetic?: SyntheticOptions & ScenesOptions;
  /** Default: the process's. */
  environment?: Environment;
}

/**
 * Whether a set's images lie in files, and are read as they are needed.
 * @example
 * ```ts
 * const opened = await openDataset('folder:photos');
 * if (inFiles(opened.data)) console.log(opened.data.train.count, 'files, read as they are needed');
 * ```
 */
export function inFiles(data: ImageDataset | ImageFiles): data is ImageFiles {
  return 'place' in data.train;
}

const IMAGENET_STATISTICS: Statistics = { mean: IMAGENET_MEAN, std: IMAGENET_STD };

interface Definition {
  /** How it is written on a command line. */
  usage: string;
  /** Whether it is there, without reading it. */
  find(place: string | undefined, options: OpenOptions): boolean;
  open(place: string | undefined, options: OpenOptions): Promise<OpenDataset>;
}

const SETS: Readonly<Record<string, Definition>> = {
  cifar10: {
    usage: 'cifar10:DIR, cifar10',
    find: (folder, { environment }) => findCifar10({ folder }, environment) !== undefined,
    open: async (folder, { environment, ...options }) => {
      const data = await loadCifar10With({ ...options, folder }, { environment });
      return { data, mean: CIFAR10_MEAN, std: CIFAR10_STD };
    },
  },
  cifar100: {
    usage: 'cifar100:DIR, cifar100',
    find: (folder, { environment }) => findCifar100({ folder }, environment) !== undefined,
    open: async (folder, { environment, ...options }) => {
      const data = await loadCifar100With({ ...options, folder }, { environment });
      return { data, ...channelStatistics(data.train) };
    },
  },
  imagenet: {
    usage: 'imagenet:DIR, imagenet',
    find: (folder, { environment }) => findImageNet({ folder }, environment) !== undefined,
    open: async (folder, { log, environment }) => {
      const { train, val } = await loadImageNet({ folder, log }, environment);
      return { data: filesOf('imagenet', train, val), ...IMAGENET_STATISTICS };
    },
  },
  folder: {
    usage: 'folder:DIR',
    find: (folder) => folder !== undefined && existsSync(folder),
    open: async (folder) => {
      const [train, test] = [splitFolder(folder, 'train'), splitFolder(folder, 'test')];
      if (train === undefined || test === undefined) throw lacking(folder as string, train ? 'test' : 'train');
      const trainImages = await imageFolder(train);
      const testImages = await imageFolder(test, { classes: trainImages.classes });
      return { data: filesOf('folder', trainImages, testImages), ...IMAGENET_STATISTICS };
    },
  },
  camvid: {
    usage: 'camvid:DIR, camvid',
    find: (folder, { environment }) => findCamVid(folder, environment) !== undefined,
    open: async (folder, { environment }) => annotated('camvid', await loadCamVid(folder, environment), CAMVID_SHAPE),
  },
  segmentation: {
    usage: 'segmentation:DIR',
    find: (folder) => folder !== undefined && existsSync(folder),
    open: async (folder) => annotated('segmentation', await segmentationSet(needed(folder))),
  },
  scenes: {
    usage: 'scenes',
    find: () => true,
    open: async (_, { synthetic = {} }) => annotated('scenes', scenes(synthetic), drawnSize(synthetic)),
  },
  voc: {
    usage: 'voc:DIR',
    find: (folder, { environment }) => folder !== undefined && existsSync(placed(folder, environment)),
    open: async (folder, { environment }) =>
      annotated('voc', await boxSet(placed(needed(folder, 'voc'), environment), vocSplit, VOC_FORMS)),
  },
  coco: {
    usage: 'coco:DIR',
    find: (folder, { environment }) => folder !== undefined && existsSync(placed(folder, environment)),
    open: async (folder, { environment }) =>
      annotated('coco', await boxSet(placed(needed(folder, 'coco'), environment), cocoSplit, COCO_FORMS)),
  },
  objects: {
    usage: 'objects',
    find: () => true,
    open: async (_, { synthetic = {} }) => annotated('objects', objects(synthetic), drawnSize(synthetic)),
  },
  synthetic: {
    usage: 'synthetic',
    find: () => true,
    open: async (_, { synthetic }) => {
      const data = syntheticDataset(synthetic);
      return { data, ...channelStatistics(data.train) };
    },
  },
};

/** The names that there are. */
export const DATASETS: readonly string[] = Object.keys(SETS);

function filesOf(name: string, train: ImageSource, test: ImageSource): ImageFiles {
  return { name, classes: train.classes, train, test, source: train.source };
}

const drawnSize = ({ size = SCENE_SIZE }: ScenesOptions): [number, number] => [size, size];

function annotated(
  name: string,
  splits: Pick<ImageFiles, 'train' | 'validation' | 'test'>,
  shape?: readonly [number, number],
): OpenDataset<ImageFiles> {
  const { classes, source } = splits.train;
  return { data: { name, classes, source, ...splits, ...(shape && { shape }) }, ...IMAGENET_STATISTICS };
}

function needed(folder: string | undefined, name = 'segmentation'): string {
  if (folder) return folder;
  const what = name === 'segmentation' ? 'label images' : 'boxes';
  throw new Error(`Which folder? Give ${name}:DIR, where DIR has images and their ${what}.`);
}

/** A folder as it is given, or else of that name where data are looked for. */
function placed(folder: string, environment?: Environment): string {
  if (existsSync(folder)) return folder;
  const places = dataPlaces(undefined, environment).map(({ path }) => join(path, folder));
  return places.find((path) => existsSync(path)) ?? folder;
}

/**
 * What its images have besides labels: `labelImages`, as semantic segmentation needs, or `boxes`, as detection does.
 * @example
 * ```ts
 * if (annotationKind(data) !== 'boxes') throw new Error('a detector needs boxes');
 * ```
 */
export function annotationKind(data: ImageDataset | ImageFiles): 'labelImages' | 'boxes' | undefined {
  const annotations = inFiles(data) ? data.train.annotations : undefined;
  return annotations && (annotations.kind === 'boxes' ? 'boxes' : 'labelImages');
}

/** What the folders of the splits are called, in whatever case. */
const SPLITS = { train: ['train'], test: ['val', 'valid', 'validation', 'test'] };

/** What else people call them, which could be a class too where there are images in it and not folders. */
const SPLIT_LIKE =
  /^(train(ing)?|val(id(ation)?)?|test(ing)?|dev|eval(uation)?|holdout)([-_. ]?(set|split|data|images|\d+))?$/i;

/** The folders in a folder that have folders of their own, as a split's have those of the classes. */
function nestedFolders(folder: string): string[] {
  const foldersIn = (path: string) =>
    readdirSync(path).filter((name) => statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory());
  return existsSync(folder) ? foldersIn(folder).filter((name) => foldersIn(join(folder, name)).length > 0) : [];
}

/** The folder of a split in a folder of the user's own; undefined where there is none of its names. */
function splitFolder(folder: string | undefined, split: 'train' | 'test'): string | undefined {
  if (!folder) throw new Error('Which folder? Give folder:DIR, where DIR has a folder for each class.');
  const nested = nestedFolders(folder);
  const [name] = SPLITS[split].flatMap((known) => nested.filter((name) => name.toLowerCase() === known));
  return name && join(folder, name);
}

function lacking(folder: string, split: 'train' | 'test'): Error {
  const nested = nestedFolders(folder);
  const there = existsSync(folder)
    ? `has ${nested.slice(0, 8).join(', ') || 'no folders with folders'}`
    : 'does not exist';
  return new Error(
    `${folder} lacks train or val: expected both, each with a folder of images for each class; it ${there}. The ` +
      `${split === 'train' ? 'training' : 'test'} images are looked for in ${SPLITS[split].join(', ')}: rename the folder that they are in.`,
  );
}

/**
 * One split of a folder, or the folder itself where it has a folder for each class. Test images have the training images' classes,
 * where these are all of theirs.
 */
async function folderSplit(folder: string, split: 'train' | 'test'): Promise<ImageSource> {
  const path = splitFolder(folder, split);
  if (path === undefined) {
    if (nestedFolders(folder).some((name) => SPLIT_LIKE.test(name))) throw lacking(folder, split);
    return imageFolder(folder);
  }
  const train = split === 'test' && splitFolder(folder, 'train');
  if (!train) return imageFolder(path);
  const [classes, own] = await Promise.all([classFolders(train), classFolders(path)]);
  return imageFolder(path, own.every((name) => classes.includes(name)) ? { classes } : {});
}

/** A set's definition, and the place after the colon. */
function definitionOf(spec: string) {
  const colon = spec.indexOf(':');
  const [name, place] = colon < 0 ? [spec] : [spec.slice(0, colon), spec.slice(colon + 1)];
  const definition = Object.hasOwn(SETS, name) ? SETS[name] : undefined;
  if (!definition) {
    const usages = Object.values(SETS).flatMap(({ usage }) => usage.split(', '));
    throw new Error(`There is no data set '${spec}'. Expected ${usages.slice(0, -1).join(', ')} or ${usages.at(-1)}.`);
  }
  return { name, place, definition };
}

const BOX_SETS: Readonly<Record<string, BoxSplitReader>> = { voc: vocSplit, coco: cocoSplit };

/**
 * Whether a set's images lie in files, told by its name. @throws {Error} for another name.
 * @example
 * ```ts
 * isInFiles('cifar10'); // false: it is held in memory
 * ```
 */
export function isInFiles(spec: string): boolean {
  const { name } = definitionOf(spec);
  return name !== 'synthetic' && !name.startsWith('cifar');
}

/**
 * Whether a set is there, without reading it. @throws {Error} for another name.
 * @example
 * ```ts
 * findDataset('cifar10'); // whether it is in REFCONV_DATA or the cache
 * ```
 */
export function findDataset(spec: string, options: OpenOptions = {}): boolean {
  const { place, definition } = definitionOf(spec);
  return definition.find(place, options);
}

/**
 * Opens a data set to train on.
 * @param spec `cifar10:DIR`, `cifar10` (looked for in REFCONV_DATA and the cache), the same of cifar100 and imagenet,
 *   `folder:DIR` with `train` and `val` (or `valid`, `validation`, `test`), each with a folder for each class, `camvid:DIR`,
 *   `segmentation:DIR` with images and label images, `voc:DIR` and `coco:DIR` with boxes (docs/data.md), or `synthetic`, `scenes`, `objects`.
 * @throws {Error} for another name, or where the images are not found or damaged.
 * @example
 * ```ts
 * const { data, mean, std } = await openDataset('cifar10:/data/cifar-10-batches-bin');
 * ```
 */
export async function openDataset(spec: string, options: OpenOptions = {}): Promise<OpenDataset> {
  const { place, definition } = definitionOf(spec);
  return definition.open(place, options);
}

/**
 * Opens one split for a {@link Loader}, wherever its images lie; the other split may be missing.
 * @param spec as {@link openDataset}'s; besides, `folder:DIR` and `imagenet:DIR` where DIR itself has a folder for each class.
 * @example
 * ```ts
 * const { source, statistics } = await openImages('folder:photos', 'val');
 * ```
 */
export async function openImages(
  spec: string,
  split: SplitId,
  options: OpenOptions = {},
): Promise<{ source: ImageSource; statistics: Statistics }> {
  const { name, place, definition } = definitionOf(spec);
  if (name === 'camvid' || name === 'segmentation') {
    const source =
      name === 'camvid'
        ? await loadCamVidSplit(split, place, options.environment)
        : await segmentationSplit(needed(place), split);
    if (!source) throw new Error(`${spec} has no ${split} images.`);
    return { source, statistics: IMAGENET_STATISTICS };
  }
  const readSplit = BOX_SETS[name];
  if (readSplit) {
    const source = await readSplit(placed(needed(place, name), options.environment), split);
    if (!source) throw new Error(`${spec} has no ${split} images.`);
    return { source, statistics: IMAGENET_STATISTICS };
  }
  if (name === 'scenes' || name === 'objects') {
    const { train, validation: val, test } = (name === 'scenes' ? scenes : objects)(options.synthetic);
    return { source: { train, val, test }[split], statistics: IMAGENET_STATISTICS };
  }
  if (split === 'val') throw new Error(`${spec} has no validation images of its own; there are train and test.`);
  if (name === 'imagenet') {
    const { log, environment } = options;
    const which = split === 'train' ? 'train' : 'val';
    const source = await loadImageNetSplit(which, { folder: place, log }, environment);
    return { source, statistics: IMAGENET_STATISTICS };
  }
  if (name === 'folder') {
    return { source: await folderSplit(place as string, split), statistics: IMAGENET_STATISTICS };
  }
  const { data, mean, std } = (await definition.open(place, options)) as OpenDataset<ImageDataset>;
  return { source: memorySource(data[split], data), statistics: { mean, std } };
}
