/** Loaders for images in files, or for images in memory that are to have a transform. */
import {
  type Augmentation,
  type ImageDataset,
  type ImageFiles,
  type ImageSource,
  type ImageSplit,
  Loader,
  memorySource,
  parseTransform,
  type Shard,
} from '@refconv/datasets';
import type { Recipe } from './recipe.js';
import { workerShard } from './workers.js';

export interface LoadingOptions {
  /** The transform of the test images: see `parseTransform`. */
  test: string;
  /** That of the training images, see {@link trainingTransform}. The recipe's mixup and cutmix are added, where it does not mix. */
  train?: string;
  /** Threads that decode. Default: one for each processor. */
  workers?: number;
  /** What happens where a file cannot be read. Default: `fail`. */
  onBroken?: 'fail' | 'skip';
  /** Which images are loaded. Default: in a cluster this process's share. */
  shard?: Shard;
  /** Images of more pixels cannot be read. Default: the loader's. */
  maxPixels?: number | undefined;
}

/** A data set whose loaders are to be closed in the end. */
export interface OpenLoaders {
  name: string;
  classes: string[];
  train: Loader;
  validation?: Loader;
  test: Loader;
  close(): Promise<void>;
}

/** The paper's for ImageNet: a random resized crop, mirroring. */
const PAPER_TRANSFORM = 'randomResizedCrop(SIZE)|flip|NORMALIZE';

/**
 * A transform of training images.
 * @param test that of the test images: its size takes the place of SIZE, and its normalisation that of NORMALIZE.
 * @example
 * ```ts
 * trainingTransform('resize(256)|centerCrop(224)|normalize(imagenet)'); // 'randomResizedCrop(224)|flip|normalize(imagenet)'
 * ```
 */
export function trainingTransform(test: string, pattern = PAPER_TRANSFORM): string {
  const { size, text } = parseTransform(test);
  if (size === undefined && pattern.includes('SIZE'))
    throw new RangeError(`transform "${text}": it has no crop whose size a training could have.`);
  const numbers = text.split('|').filter((step) => /^(normalize|range255|bgr)\b/.test(step));
  return pattern
    .replaceAll('SIZE', String(size))
    .replace('NORMALIZE', numbers.join('|'))
    .split('|')
    .filter((step) => step !== '')
    .join('|');
}

/** A transform that mixes as a recipe's augmentation says, where it does not mix already. */
function mixed(transform: string, augment: Augmentation = {}): string {
  if (/\b(mixup|cutmix)\(/.test(transform)) return transform;
  const steps = (['mixup', 'cutmix'] as const).filter((name) => augment[name] !== undefined);
  return [transform, ...steps.map((name) => `${name}(${augment[name]})`)].join('|');
}

/** Images of an evaluation's batch: so few that those that are kept ready do not fill the memory; of label images fewer, for their logits. */
const TEST_BATCH = 50;
const LABELLED_BATCH = 8;

const DECODER = import.meta.resolve('@refconv/tensorflow/jpeg');

/**
 * Loaders for a training by a recipe. The transform takes the place of its `augment`, of which nothing but mixup and cutmix is taken; `fit` is
 * to have it without.
 * @throws {RangeError} if a transform is wrong or does not fit the images.
 * @example
 * ```ts
 * const loaders = openLoaders(data, PAPER_RECIPE, { test: 'resize(64)|centerCrop(56)|normalize(imagenet)' });
 * await fit({ model, data: loaders, recipe: { ...PAPER_RECIPE, augment: {} } });
 * await loaders.close();
 * ```
 */
export function openLoaders(
  data: ImageDataset | ImageFiles,
  {
    batchSize,
    dropLast,
    seed,
    augment,
  }: Pick<Recipe, 'batchSize' | 'dropLast' | 'seed'> & Partial<Pick<Recipe, 'augment'>>,
  { test, train, ...options }: LoadingOptions,
): OpenLoaders {
  const { name, classes } = data;
  const sourceOf = (images: ImageSplit | ImageSource) => ('place' in images ? images : memorySource(images, data));
  const loaders = {
    train: new Loader(sourceOf(data.train), {
      ...{
        transform: mixed(trainingTransform(test, train), augment),
        batchSize: batchSize / workerShard().of,
        dropLast,
        seed,
        shuffle: true,
        shard: workerShard(),
        jpegDecoder: DECODER,
      },
      ...options,
    }),
    ...(data.validation && { validation: testLoader(sourceOf(data.validation), { transform: test, ...options }) }),
    test: testLoader(sourceOf(data.test), { transform: test, ...options }),
  };
  const close = async () => {
    await Promise.all(Object.values(loaders).map((loader) => loader.close()));
  };
  return { name, classes, ...loaders, close };
}

/**
 * A loader for an evaluation: every image once, in the order of the source, with the pixels that torchvision gives. Label images stay as they
 * are where the transform only resizes, so that what a network gives is compared at their size.
 * @example
 * ```ts
 * const loader = testLoader(source, { transform: 'resize(256)|centerCrop(224)|normalize(imagenet)' });
 * const { top1 } = await evaluate(model, loader);
 * await loader.close();
 * ```
 */
export function testLoader(
  source: ImageSource,
  options: { transform: string; batchSize?: number } & Omit<LoadingOptions, 'train' | 'test'>,
): Loader {
  const { annotations } = source;
  const batchSize = Math.min(annotations ? LABELLED_BATCH : TEST_BATCH, source.count);
  const resizes = annotations && parseTransform(options.transform).steps.every(({ name }) => name === 'resize');
  const labelSize = resizes ? ('own' as const) : ('image' as const);
  const shard = workerShard();
  return new Loader(source, { batchSize, labelSize, shard, jpegDecoder: DECODER, exact: true, ...options });
}
