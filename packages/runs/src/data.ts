/** The images of a run. */
import { evaluationTransform, publishedPreprocessing } from '@refconv/backbones';
import {
  findDataset,
  holdOut,
  type ImageDataset,
  type ImageFiles,
  type ImageSource,
  type ImageSplit,
  inFiles,
  type OpenDataset,
  openDataset,
  type Statistics,
  syntheticDataset,
  takeImages,
} from '@refconv/datasets';
import type { ModelNotes, Recipe, TrainingData } from '@refconv/training';
import type { Spec } from './spec.js';

/** Images in memory, with their channels' statistics. */
export type RunData = OpenDataset<ImageDataset>;

const nameOf = ({ name, folder }: Spec['data']) => (folder === undefined ? name : `${name}:${folder}`);

/**
 * @throws Error where a set's images are not on this machine, before anything is started.
 * @example
 * ```ts
 * checkData({ name: 'cifar10' }); // throws where CIFAR-10 is not on this machine
 * ```
 */
export function checkData(data: Spec['data']): void {
  if (findDataset(nameOf(data))) return;
  throw new Error(
    `${nameOf(data)} was not found: set REFCONV_DATA to the folder that holds it, or fetch it, or --set data.name=synthetic.`,
  );
}

/**
 * Images in memory.
 * @throws Error where the set is not found, is damaged, has fewer images than asked for, or lies in files.
 * @example
 * ```ts
 * const { data, mean, std } = await loadData({ name: 'synthetic', train: 2000, test: 500 });
 * ```
 */
export async function loadData(data: Spec['data']): Promise<RunData> {
  const opened = await openData(data);
  if (!inFiles(opened.data)) return opened as RunData;
  throw new Error(`This needs images in memory, and those of ${nameOf(data)} stay in files.`);
}

async function openData(spec: Spec['data']): Promise<OpenDataset> {
  const { train, test, size, validation } = spec;
  checkData(spec);
  const drawn = spec.name === 'scenes' || spec.name === 'objects';
  const synthetic = { train, test, size, ...(drawn && { validation: test }) };
  const opened = await openDataset(nameOf(spec), { log: (line) => console.log(line), synthetic });
  if (spec.name === 'synthetic') {
    if (validation === undefined) return opened;
    // Pictures of another seed: this set has no end that they could be held out of.
    const held = syntheticDataset({ train: 1, test: validation, size, seed: 2 }).test;
    return { ...opened, data: { ...opened.data, test: held } as ImageDataset };
  }
  // The statistics are of the whole set, so that a part of it is normalised the same.
  return { ...opened, data: partOf(opened.data, spec) };
}

/** As many images as the spec asks for. */
function partOf<D extends ImageDataset | ImageFiles>(whole: D, { train, test, validation }: Spec['data']): D {
  for (const [asked, { count }] of [[train, whole.train] as const, [test, whole.test] as const]) {
    if (asked !== undefined && asked > count) throw new Error(`The spec asks for ${asked} images; there are ${count}.`);
  }
  const { count } = whole.train;
  if (validation !== undefined && (train ?? count) + validation > count) {
    throw new Error(`The spec trains on ${train ?? 'all'} images and holds out ${validation}; there are ${count}.`);
  }
  if (validation !== undefined) {
    const held = holdOut<ImageSplit | ImageSource>(whole.train, validation, train ?? count);
    return { ...whole, train: held.train, test: held.validation };
  }
  return {
    ...whole,
    train: takeImages(whole.train, train ?? count, 'at random'),
    // Files are sorted by class: the first ones would be of few classes.
    test: takeImages(whole.test, test ?? whole.test.count, inFiles(whole) ? 'at random' : 'first'),
  };
}

/** What a run trains on and is evaluated by, as `fit` and `evaluate` take it. */
export interface RunImages {
  /** Without test images where the spec has validation images: they take their place, and the run never sees the others. */
  data: TrainingData;
  /** Of images in memory; a loader's transform has its own. */
  normalisation: Partial<Statistics>;
  recipe: Recipe;
  /** Height and width. */
  shape: readonly [number, number];
  source: string;
  /** For the folders of the run's models. */
  notes: Pick<ModelNotes, 'mean' | 'std' | 'transform'>;
  /** Ends the threads that load. */
  close(): Promise<void>;
}

/**
 * Arrays in memory, or loaders for images in files and where the spec has a transform. By default images in files are evaluated as
 * the network's published weights are, and trained on with the paper's transform.
 * @throws Error as {@link loadData}, and where a transform is wrong.
 * @example
 * ```ts
 * const [spec] = Object.values(grid.runs);
 * const images = await openRunImages(spec);
 * ```
 */
export async function openRunImages(whole: Spec): Promise<RunImages> {
  const { data: spec, network, recipe, seed, threads } = whole;
  const { data, mean, std } = await openData(spec);
  const own = { ...recipe, seed };
  if (whole.task && inFiles(data)) return labelledImages(whole, data);
  const preprocessing = publishedPreprocessing(network.id);
  const size = inFiles(data) ? (spec.size ?? preprocessing.crop) : data.train.height;
  const named = ({ test, ...others }: TrainingData): TrainingData =>
    spec.validation === undefined ? { ...others, test } : { ...others, validation: test };
  if (!inFiles(data) && spec.transform === undefined && spec.testTransform === undefined) {
    const normalisation = { mean, std };
    const { source } = data;
    const shape = [size, size] as const;
    return {
      data: named(data),
      normalisation,
      recipe: own,
      shape,
      source,
      notes: normalisation,
      close: async () => {},
    };
  }
  const usual = inFiles(data)
    ? evaluationTransform(preprocessing, size)
    : `centerCrop(${size})|normalize(${mean.join('/')},${std.join('/')})`;
  // It loads TensorFlow, which who plans runs or reads their results does not need.
  const { openLoaders } = await import('@refconv/training');
  const loaders = openLoaders(data, own, {
    test: spec.testTransform ?? usual,
    ...{ train: spec.transform, workers: threads ?? undefined, onBroken: onBroken(spec) },
  });
  const { text, ...used } = loaders.test.transform;
  return {
    ...{
      data: named(loaders),
      normalisation: {},
      recipe: { ...own, augment: {} },
      shape: [size, size],
      source: data.source,
    },
    ...{ notes: { mean: used.mean, std: used.std, transform: text }, close: loaders.close },
  };
}

const onBroken = ({ skipBroken }: Spec['data']) => (skipBroken ? 'skip' : 'fail');

/** How images with annotations are changed where a spec does not say it, and of which size they are where neither it nor the set does. */
async function transformsOf(id: NonNullable<Spec['task']>['id']) {
  if (id === 'detection')
    return { of: (await import('@refconv/detection')).detectionTransforms, shape: [320, 320] as const };
  return { of: (await import('@refconv/segmentation')).segmentationTransforms };
}

/**
 * Loaders for images with label images or boxes. Validation images of the set's own are evaluated after each epoch; where the spec holds some out, they
 * take the place of both.
 */
async function labelledImages(
  { data: spec, network, task, recipe, seed, threads }: Spec,
  data: ImageFiles,
): Promise<RunImages> {
  const transforms = await transformsOf(task?.id ?? 'segmentation');
  const shape = spec.imageSize ?? data.shape ?? transforms.shape;
  if (!shape) throw new Error(`Which size have the images of ${data.name}? Set data.imageSize, such as [180,240].`);
  const numbers = evaluationTransform(publishedPreprocessing(network.id)).split('|');
  const { openLoaders } = await import('@refconv/training');
  const usual = transforms.of(shape, numbers.filter((step) => /^(normalize|range255|bgr)\b/.test(step)).join('|'));
  const own = { ...recipe, seed, augment: {} };
  const { validation, ...others } = data;
  const loaders = openLoaders(spec.validation === undefined && validation ? { ...others, validation } : others, own, {
    test: spec.testTransform ?? usual.test,
    ...{ train: spec.transform ?? usual.train, workers: threads ?? undefined, onBroken: onBroken(spec) },
  });
  const { text, mean, std } = loaders.test.transform;
  const { test, ...rest } = loaders;
  return {
    data: spec.validation === undefined ? loaders : { ...rest, validation: test },
    ...{ normalisation: {}, recipe: own, shape, source: data.source },
    ...{ notes: { mean, std, transform: text }, close: loaders.close },
  };
}
