/** Opens data sets by their names. */
import { Registry } from '@refconv/files/registry';
import type { ImageSplit } from './dataset.js';
import type { DatasetDefinition, OpenDataset, OpenOptions, SplitId, Statistics } from './definition.js';
import { type ImageSource, memorySource } from './loader/source.js';
import { IMAGENET_STATISTICS, SETS } from './sets.js';

/** Those of the project, and what {@link registerDataset} adds. */
export const DATASETS: Registry<DatasetDefinition> = new Registry('data set', SETS);

/**
 * Makes a data set of one's own known by its name, to {@link openDataset}, specs and the command.
 * @throws RangeError where the name is taken.
 * @example
 * ```ts
 * registerDataset('mine', {
 *   usage: 'mine:DIR',
 *   inFiles: false,
 *   find: (folder) => folder !== undefined,
 *   open: async () => ({ data: syntheticDataset(), mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }),
 * });
 * ```
 */
export const registerDataset = (name: string, definition: DatasetDefinition): void =>
  DATASETS.register(name, definition);

/** How the sets are written on a command line. */
const usagesOf = ({ usage }: DatasetDefinition) => usage.split(', ');

/**
 * Whether a set is looked for nowhere, so that it has to be said where it lies.
 * @example
 * ```ts
 * needsFolder('voc'); // true: voc:DIR
 * ```
 */
export function needsFolder(name: string): boolean {
  const definition = DATASETS.find(name);
  return definition !== undefined && !usagesOf(definition).includes(name);
}

/**
 * A set's name, and the place after the colon.
 * @example
 * ```ts
 * nameAndFolder('folder:photos'); // { name: 'folder', folder: 'photos' }
 * ```
 */
export function nameAndFolder(spec: string): { name: string; folder?: string } {
  const colon = spec.indexOf(':');
  return colon < 0 ? { name: spec } : { name: spec.slice(0, colon), folder: spec.slice(colon + 1) };
}

/** A set's definition, and the place after the colon. */
function definitionOf(spec: string) {
  const { name, folder: place } = nameAndFolder(spec);
  const definition = DATASETS.find(name);
  if (!definition) {
    const usages = DATASETS.entries().flatMap(([, each]) => usagesOf(each));
    throw new Error(`There is no data set '${spec}'. Expected ${usages.slice(0, -1).join(', ')} or ${usages.at(-1)}.`);
  }
  return { place, definition };
}

/**
 * Whether a set's images lie in files, told by its name. @throws {Error} for another name.
 * @example
 * ```ts
 * isInFiles('cifar10'); // false: it is held in memory
 * ```
 */
export const isInFiles = (spec: string): boolean => definitionOf(spec).definition.inFiles;

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

/** One split as it is: arrays, or files for a {@link Loader}; with its set's name, classes and origin. */
export interface OpenSplit {
  images: ImageSplit | ImageSource;
  name: string;
  classes: string[];
  source: string;
  statistics: Statistics;
}

/**
 * Opens one split; the other may be missing.
 * @param spec as {@link openDataset}'s; besides, `folder:DIR` and `imagenet:DIR` where DIR itself has a folder for each class.
 * @throws {Error} for another name, or where the set has no such split.
 * @example
 * ```ts
 * const { images, classes } = await openSplit('cifar10', 'test');
 * console.log(images.count, classes);
 * ```
 */
export async function openSplit(spec: string, split: SplitId, options: OpenOptions = {}): Promise<OpenSplit> {
  const { place, definition } = definitionOf(spec);
  const { splits = ['train', 'test'] } = definition;
  if (!splits.includes(split))
    throw new Error(`${spec} has no validation images of its own; there are ${splits.join(' and ')}.`);
  if (definition.split) {
    const images = await definition.split(place, split, options);
    if (!images) throw new Error(`${spec} has no ${split} images.`);
    const { name, classes, source } = images;
    return { images, name, classes, source, statistics: IMAGENET_STATISTICS };
  }
  const { data, ...statistics } = await definition.open(place, options);
  const images = data[split === 'val' ? 'validation' : split];
  if (!images) throw new Error(`${spec} has no ${split} images.`);
  const { name, classes, source } = data;
  return { images, name, classes, source, statistics };
}

/**
 * {@link openSplit} for a {@link Loader}, wherever the images lie.
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
  const { images, statistics, ...names } = await openSplit(spec, split, options);
  return { source: 'place' in images ? images : memorySource(images, names), statistics };
}
