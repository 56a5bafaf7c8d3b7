/** What `refconv train` was told, as a spec: the training that it does is one like those of experiments. */
import { publishedPreprocessing } from '@refconv/backbones';
import {
  annotationKind,
  type ImageDataset,
  type ImageFiles,
  inFiles,
  nameAndFolder,
  type OpenDataset,
  openDataset,
} from '@refconv/datasets';
import { METHODS } from '@refconv/refconv';
import { parseSpec, type Spec, type SpecInput, TASKS } from '@refconv/runs';
import {
  askedShape,
  askedSize,
  hashOfFile,
  hashOfModel,
  inputSizeOf,
  normalisation,
  normalizeStep,
  openSource,
  openTask,
  type Source,
  type SourceOptions,
  sourceOptions,
} from '@refconv/runs/networks';
import { clusterSize, loadedInstallation } from '@refconv/tensorflow';
import { loadModel, threadCount } from '@refconv/training';
import { openOptions } from './data.js';
import { type MethodFlags, methodOptions } from './method.js';
import { type RecipeFlags, recipeOf } from './recipe.js';

/** The options that decide what a training results in; what was not given is left out, but for the seed. */
export interface SpecOptions extends SourceOptions, MethodFlags, RecipeFlags {
  data: string;
  mean?: number[];
  std?: number[];
  transform?: string;
  testTransform?: string;
  skipBroken?: boolean;
  newHead?: boolean;
  validation?: number;
  download?: boolean;
  method?: string;
  teacher?: string;
  seed: number;
}

/** Of a network's options those that a spec has fields for. */
const NETWORK = ['variant', 'width', 'activation', 'dropout', 'stochasticDepth'] as const;

/**
 * The spec, and the data set, which is open by then.
 * @throws Error where the network or the data are not found, or do not fit each other.
 */
export async function specOf(options: SpecOptions): Promise<{ spec: Spec; data: OpenDataset }> {
  const { task: id = 'classification', method, seed, model: folder, weights, teacher } = options;
  if (method !== undefined) METHODS.get(method);
  const opened = await openDataset(options.data, openOptions(options));
  const { data } = opened;
  checkImages(data, id);
  const task = await openTask(id);
  const { recipe, transform: usual } = await recipeOf(options, task.recipe);
  const { seed: _, ...own } = recipe;
  const marks = TASKS.get(id).annotations?.what;
  if (marks && Object.keys(own.augment).length > 0)
    throw new Error(`--crop and --no-flip are for images in memory; of images with ${marks} --transform says it.`);

  const isDense = task.transforms !== undefined && inFiles(data);
  const shape = isDense ? askedShape(options) : undefined;
  const side = isDense ? undefined : askedSize(options);
  const [height, width] = isDense ? (shape ?? data.shape ?? task.shape ?? []) : [side ?? heightOf(data)];
  // Opened as every command does, to know what it is. Weights have a number of classes of their own.
  const asked = { ...sourceOptions(options), classes: undefined };
  const source = await openSource(asked, { height, width, classes: data.classes.length }, { log: () => {} });
  source.model.dispose();
  const transform = options.transform ?? (inFiles(data) ? usual : undefined);
  const methodSpec = method && {
    ...{ id: method, options: given(methodOptions(method, options)), start: options.start },
    ...{ withoutBatchNorm: options.withoutBatchNorm, select: options.select?.source },
  };
  const otherHead =
    (folder ?? weights) === undefined && (options.classes ?? data.classes.length) !== data.classes.length;
  const spec: Record<keyof SpecInput, unknown> | object = {
    network: networkOf(source, folder === undefined && !inFiles(data) && side !== heightOf(data) ? side : undefined),
    ...(id !== 'classification' && {
      task: { id, head: options.head, outputStride: options.outputStride, auxiliary: options.auxiliary },
    }),
    data: {
      ...nameAndFolder(options.data),
      ...{ imageSize: shape, size: inFiles(data) && !isDense ? sizeOf(source, options, side) : undefined },
      ...{ holdOut: options.validation, mean: options.mean, std: options.std, transform },
      testTransform: options.testTransform ?? testOf(opened, source, options, transform),
      skipBroken: options.skipBroken,
    },
    weights: weights && { file: weights, sha256: await hashOfFile(weights), identity: options.identity },
    model: folder && { folder, sha256: await hashOfModel(folder) },
    newHead: (options.newHead ?? otherHead) || undefined,
    teacher: teacher && (await teacherOf(teacher)),
    ...{ method: methodSpec, recipe: isDense ? { ...own, augment: NO_CHANGE } : own, seed },
    threads: loadedInstallation.flavour === 'cpu' ? threadCount() : null,
    processes: clusterSize() > 1 ? clusterSize() : undefined,
  };
  return { spec: parseSpec(given(spec)), data: opened };
}

/** As specs say that images in files are not changed beside their transform. */
const NO_CHANGE = { crop: 0, flip: false };

/** Without what was not given, at any depth. */
const given = (value: object): unknown => JSON.parse(JSON.stringify(value));

/** @throws Error where the images are not for the task. */
function checkImages(data: ImageDataset | ImageFiles, id: string): void {
  const kind = annotationKind(data.train);
  const { annotations } = TASKS.get(id);
  if (annotations?.kind === kind) return;
  if (annotations)
    throw new Error(
      `The images of ${data.name} have no ${annotations.what}, which ${id} needs: give ${SETS[annotations.kind]}.`,
    );
  const [other, task] = TASKS.entries().find(([, each]) => each.annotations?.kind === kind) ?? [];
  throw new Error(`The images of ${data.name} have ${task?.annotations?.what}: add --task ${other}.`);
}

/** Sets that have them. */
const SETS = {
  labelImages: 'camvid:DIR, segmentation:DIR or scenes',
  boxes: 'voc:DIR, coco:DIR or objects',
} as const;

const heightOf = (data: ImageDataset | ImageFiles) => (inFiles(data) ? undefined : data.train.height);

/** What a spec says of a network. @param inputSize where it is not that of the images. */
function networkOf({ notes }: Source, inputSize: number | undefined) {
  const { id, options = {} } = notes.backbone ?? { id: 'unknown' };
  return { id, ...Object.fromEntries(NETWORK.map((name) => [name, options[name]])), inputSize };
}

/** What images in files are cropped to, where that is not what it would be anyway. */
function sizeOf({ model, notes }: Source, { model: folder }: SpecOptions, asked: number | undefined) {
  if (folder !== undefined) return model.inputs[0]?.shape[1] ? undefined : asked;
  const size = inputSizeOf(model, notes, asked);
  return size === publishedPreprocessing(notes.backbone?.id).crop ? undefined : size;
}

/** Of images in memory that have a transform: they have their size already. */
function testOf({ data, ...statistics }: OpenDataset, { notes }: Source, options: SpecOptions, transform?: string) {
  if (inFiles(data) || transform === undefined || transform.includes('SIZE')) return undefined;
  return normalizeStep(normalisation(options, notes, statistics));
}

async function teacherOf(folder: string) {
  const { model } = await loadModel(folder);
  model.dispose();
  return { folder, sha256: await hashOfModel(folder) };
}
