/** The images of a run. */
import { publishedPreprocessing } from '@refconv/backbones';
import {
  findDataset,
  holdOut,
  type ImageDataset,
  type ImageFiles,
  type ImageSource,
  type ImageSplit,
  inFiles,
  normalised,
  type OpenDataset,
  openDataset,
  syntheticDataset,
  takeImages,
} from '@refconv/datasets';
import type { ModelNotes, Recipe, TrainingData } from '@refconv/training';
import { normalisation, normalisationSteps, normalizeStep, testTransform } from './networks/preparation.js';
import type { Spec } from './spec.js';
import { taskOf } from './tasks/open.js';
import type { RunTask } from './tasks/registry.js';

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

/**
 * The images that a spec asks for.
 * @param whole the set, where it is opened already.
 */
export async function openData(spec: Spec['data'], whole?: OpenDataset): Promise<OpenDataset> {
  const { train, test, size, validation, holdOut } = spec;
  if (!whole) checkData(spec);
  const drawn = spec.name === 'scenes' || spec.name === 'objects';
  const synthetic = { train, test, size, ...(drawn && { validation: test }) };
  const opened = whole ?? (await openDataset(nameOf(spec), { log: (line) => console.log(line), synthetic }));
  if (spec.name === 'synthetic') {
    if (validation === undefined) return { ...opened, data: partOf(opened.data, { holdOut }) };
    // Pictures of another seed: this set has no end that they could be held out of.
    const held = syntheticDataset({ train: 1, test: validation, size, seed: 2 }).test;
    return { ...opened, data: { ...opened.data, test: held } as ImageDataset };
  }
  // The statistics are of the whole set, so that a part of it is normalised the same.
  return { ...opened, data: partOf(opened.data, spec) };
}

/** As many images as the spec asks for. */
function partOf<D extends ImageDataset | ImageFiles>(
  whole: D,
  { train, test, validation, holdOut: chosenBy }: Pick<Spec['data'], 'train' | 'test' | 'validation' | 'holdOut'>,
): D {
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
  // Files are sorted by class: the first ones would be of few classes.
  const tested = takeImages<ImageSplit | ImageSource>(
    whole.test,
    test ?? whole.test.count,
    inFiles(whole) ? 'at random' : 'first',
  );
  if (chosenBy !== undefined)
    return { ...whole, ...holdOut<ImageSplit | ImageSource>(whole.train, chosenBy, train), test: tested };
  return { ...whole, train: takeImages(whole.train, train ?? count, 'at random'), test: tested };
}

/** What a run trains on and is evaluated by, as `fit` and `evaluate` take it. */
export interface RunImages {
  /** Without test images where the spec has validation images: they take their place, and the run never sees the others. */
  data: TrainingData;
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
 * the network's published weights are, and trained on with the paper's transform; those with label images or boxes as their task says.
 * @throws Error as {@link loadData}, and where a transform is wrong.
 * @example
 * ```ts
 * const [spec] = Object.values(grid.runs);
 * const images = await openRunImages(spec);
 * ```
 */
export async function openRunImages(spec: Spec): Promise<RunImages> {
  const task = await taskOf(spec);
  const opened = await openData(spec.data);
  const { height = publishedPreprocessing(spec.network.id).crop, width = height } = sizeFor(spec, opened.data, task);
  return prepareImages(spec, opened, task, {
    shape: [height, width],
    notes: { backbone: { id: spec.network.id, options: {} } },
  });
}

/** Height and width that a network is built for; undefined where the model that it starts from says it. */
export function sizeFor(
  { data: asked, network, model }: Spec,
  data: ImageDataset | ImageFiles,
  task: Pick<RunTask, 'transforms' | 'shape'>,
): { height?: number; width?: number } {
  if (!inFiles(data)) return { height: network.inputSize ?? data.train.height };
  if (!task.transforms) return { height: asked.size ?? (model ? undefined : publishedPreprocessing(network.id).crop) };
  const [height, width] = asked.imageSize ?? data.shape ?? task.shape ?? [];
  if (height === undefined && !model)
    throw new Error(`Which size have the images of ${data.name}? Set data.imageSize, such as [180,240].`);
  return { height, width };
}

/**
 * Images for a network.
 * @param network.shape height and width that it takes.
 * @param network.notes what its folder or its weights say.
 * @param loading of images in files.
 */
export async function prepareImages(
  { data: asked, recipe, seed, threads, weights }: Spec,
  { data, ...statistics }: OpenDataset,
  { transforms }: Pick<RunTask, 'transforms'>,
  { shape, notes }: { shape: readonly [number, number]; notes: ModelNotes },
  { workers = threads ?? undefined, maxPixels }: { workers?: number | undefined; maxPixels?: number | undefined } = {},
): Promise<RunImages> {
  const own = { ...recipe, seed };
  const { source } = data;
  const { validation: _, ...sets } = data;
  // Validation images of the set's own are evaluated after each epoch; where the spec holds some out, they take the place of both.
  const splits = asked.validation === undefined ? data : sets;
  const named = ({ test, ...others }: TrainingData): TrainingData =>
    asked.validation === undefined ? { ...others, test } : { ...others, validation: test };
  const given = { mean: asked.mean, std: asked.std, testTransform: asked.testTransform, weights: weights?.file };
  const used = inFiles(data) ? undefined : normalisation(given, notes, statistics);
  if (used && asked.transform === undefined && asked.testTransform === undefined)
    return {
      data: named(normalised(splits as ImageDataset, used)),
      recipe: own,
      shape,
      source,
      notes: used,
      close: async () => {},
    };
  const usual = transforms?.(shape, normalisationSteps(given, notes));
  const test = used
    ? (asked.testTransform ?? `centerCrop(${shape[0]})|${normalizeStep(used)}`)
    : usual
      ? (asked.testTransform ?? notes.transform ?? usual.test)
      : testTransform(given, notes, shape[0]);
  // It loads TensorFlow, which who plans runs or reads their results does not need.
  const { openLoaders } = await import('@refconv/training');
  const loaders = openLoaders(splits as ImageFiles, own, {
    ...{ test, train: asked.transform ?? usual?.train },
    ...{ workers, maxPixels, onBroken: asked.skipBroken ? 'skip' : 'fail' },
  });
  const { text, mean, std } = loaders.test.transform;
  return {
    ...{ data: named(loaders), recipe: { ...own, augment: {} }, shape, source },
    ...{ notes: { mean, std, transform: text }, close: loaders.close },
  };
}
