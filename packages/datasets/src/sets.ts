/** The project's data sets: how each is found and opened. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@refconv/files';
import { CIFAR10_MEAN, CIFAR10_STD } from './batches.js';
import { findCifar10, loadCifar10With } from './cifar10.js';
import { findCifar100, loadCifar100With } from './cifar100.js';
import type { DatasetDefinition, ImageFiles, OpenDataset, SplitId, Statistics } from './definition.js';
import { boxSet } from './detection/boxSets.js';
import { COCO_FORMS, cocoSplit } from './detection/coco.js';
import { objects } from './detection/objects.js';
import { VOC_FORMS, vocSplit } from './detection/voc.js';
import { findImageNet, loadImageNet, loadImageNetSplit } from './imagenet/imagenet.js';
import type { ImageSource } from './loader/source.js';
import { folderSplit, folderSplits } from './ownFolders.js';
import { dataPlaces } from './places.js';
import { CAMVID_SHAPE, findCamVid, loadCamVid, loadCamVidSplit } from './segmentation/camvid.js';
import { segmentationSet, segmentationSplit } from './segmentation/labelSets.js';
import { SCENE_SIZE, type ScenesOptions, scenes } from './segmentation/scenes.js';
import { channelStatistics } from './statistics.js';
import { syntheticDataset } from './synthetic.js';
import { IMAGENET_MEAN, IMAGENET_STD } from './transform/parse.js';

/** By what images in files are normalised. */
export const IMAGENET_STATISTICS: Statistics = { mean: IMAGENET_MEAN, std: IMAGENET_STD };

const WITH_LABEL_IMAGES = {
  inFiles: true,
  annotations: 'labelImages',
  splits: ['train', 'val', 'test'],
} as const satisfies Partial<DatasetDefinition>;
const WITH_BOXES = { ...WITH_LABEL_IMAGES, annotations: 'boxes' } as const;

/** Boxes in a folder that has to be named. */
const boxFolder = (name: string, splitIn: Parameters<typeof boxSet>[1], forms: string): DatasetDefinition => ({
  usage: `${name}:DIR`,
  ...WITH_BOXES,
  find: (folder, { environment }) => folder !== undefined && existsSync(placed(folder, environment)),
  open: async (folder, { environment }) =>
    annotated(name, await boxSet(placed(needed(folder, name), environment), splitIn, forms)),
  split: async (folder, split, { environment }) => splitIn(placed(needed(folder, name), environment), split),
});

/** The sets of the project by their names. */
export const SETS: Readonly<Record<string, DatasetDefinition>> = {
  cifar10: {
    usage: 'cifar10:DIR, cifar10',
    inFiles: false,
    known: { classes: 10, size: 32 },
    find: (folder, { environment }) => findCifar10({ folder }, environment) !== undefined,
    open: async (folder, { environment, ...options }) => {
      const data = await loadCifar10With({ ...options, folder }, { environment });
      return { data, mean: CIFAR10_MEAN, std: CIFAR10_STD };
    },
  },
  cifar100: {
    usage: 'cifar100:DIR, cifar100',
    inFiles: false,
    known: { classes: 100, size: 32 },
    find: (folder, { environment }) => findCifar100({ folder }, environment) !== undefined,
    open: async (folder, { environment, ...options }) => {
      const data = await loadCifar100With({ ...options, folder }, { environment });
      return { data, ...channelStatistics(data.train) };
    },
  },
  imagenet: {
    usage: 'imagenet:DIR, imagenet',
    inFiles: true,
    known: { classes: 1000, size: 224 },
    find: (folder, { environment }) => findImageNet({ folder }, environment) !== undefined,
    open: async (folder, { log, environment }) => {
      const { train, val } = await loadImageNet({ folder, log }, environment);
      return { data: filesOf('imagenet', train, val), ...IMAGENET_STATISTICS };
    },
    split: (folder, split, { log, environment }) =>
      loadImageNetSplit(split === 'train' ? 'train' : 'val', { folder, log }, environment),
  },
  folder: {
    usage: 'folder:DIR',
    inFiles: true,
    find: (folder) => folder !== undefined && existsSync(folder),
    open: async (folder) => {
      const { train, test } = await folderSplits(folder);
      return { data: filesOf('folder', train, test), ...IMAGENET_STATISTICS };
    },
    split: (folder, split) => folderSplit(folder as string, split as 'train' | 'test'),
  },
  camvid: {
    usage: 'camvid:DIR, camvid',
    ...WITH_LABEL_IMAGES,
    find: (folder, { environment }) => findCamVid(folder, environment) !== undefined,
    open: async (folder, { environment }) => annotated('camvid', await loadCamVid(folder, environment), CAMVID_SHAPE),
    split: (folder, split, { environment }) => loadCamVidSplit(split, folder, environment),
  },
  segmentation: {
    usage: 'segmentation:DIR',
    ...WITH_LABEL_IMAGES,
    find: (folder) => folder !== undefined && existsSync(folder),
    open: async (folder) => annotated('segmentation', await segmentationSet(needed(folder))),
    split: async (folder, split) => segmentationSplit(needed(folder), split),
  },
  scenes: {
    usage: 'scenes',
    ...WITH_LABEL_IMAGES,
    find: () => true,
    open: async (_, { synthetic = {} }) => annotated('scenes', scenes(synthetic), drawnSize(synthetic)),
    split: async (_, split, { synthetic }) => splitOf(scenes(synthetic), split),
  },
  voc: boxFolder('voc', vocSplit, VOC_FORMS),
  coco: boxFolder('coco', cocoSplit, COCO_FORMS),
  objects: {
    usage: 'objects',
    ...WITH_BOXES,
    find: () => true,
    open: async (_, { synthetic = {} }) => annotated('objects', objects(synthetic), drawnSize(synthetic)),
    split: async (_, split, { synthetic }) => splitOf(objects(synthetic), split),
  },
  synthetic: {
    usage: 'synthetic',
    inFiles: false,
    known: { classes: 10, size: 32 },
    find: () => true,
    open: async (_, { synthetic }) => {
      const data = syntheticDataset(synthetic);
      return { data, ...channelStatistics(data.train) };
    },
  },
};

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

const splitOf = ({ train, validation, test }: Pick<ImageFiles, 'train' | 'validation' | 'test'>, split: SplitId) =>
  ({ train, val: validation, test })[split];
