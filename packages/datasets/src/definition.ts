/** What a data set is, opened and as it is registered. */
import type { Environment } from '@refconv/files';
import type { ImageDataset, ImageSplit } from './dataset.js';
import type { ImageSource } from './loader/source.js';
import type { ScenesOptions } from './segmentation/scenes.js';
import type { SyntheticOptions } from './synthetic.js';

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

/**
 * What images have besides labels: `labelImages`, as semantic segmentation needs, or `boxes`, as detection does.
 * @example
 * ```ts
 * if (annotationKind(source) !== 'boxes') throw new Error('a detector needs boxes');
 * ```
 */
export function annotationKind(images: ImageSplit | ImageSource): 'labelImages' | 'boxes' | undefined {
  const annotations = 'place' in images ? images.annotations : undefined;
  return annotations && (annotations.kind === 'boxes' ? 'boxes' : 'labelImages');
}

/** How a set is found and opened. Places are what is written after its name: `NAME:PLACE`. */
export interface DatasetDefinition {
  /** How it is written on a command line: `mine:DIR, mine`, or `mine:DIR` where it is nowhere looked for. */
  usage: string;
  /** Whether it is there, without reading it. */
  find(place: string | undefined, options: OpenOptions): boolean;
  open(place: string | undefined, options: OpenOptions): Promise<OpenDataset>;
  /** Whether a {@link Loader} reads its images. */
  inFiles: boolean;
  /** What its images have besides labels. */
  annotations?: 'labelImages' | 'boxes';
  /** Number of classes, and height and width, where they are known before it is opened. */
  known?: { classes: number; size: number };
  /** Left out: `train` and `test`. */
  splits?: readonly SplitId[];
  /** One split, where the others may be missing; undefined: this one is. Left out: of what `open` gives. */
  split?(place: string | undefined, split: SplitId, options: OpenOptions): Promise<ImageSource | undefined>;
}
