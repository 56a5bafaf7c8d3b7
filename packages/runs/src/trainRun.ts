/** The one road by which a network is trained on data, whoever asks: the command, an experiment, `npm start`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ImageDataset,
  type ImageFiles,
  type ImageSource,
  type ImageSplit,
  inFiles,
  type OpenDataset,
  relabelled,
} from '@refconv/datasets';
import { importAgain, makeFolder, writeAtomically } from '@refconv/files';
import {
  type FitOptions,
  fit,
  inEvaluation,
  isFirstWorker,
  type LeftOut,
  leftOutText,
  type MetricsRow,
  type Recipe,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { openData, prepareImages, type RunImages, sizeFor } from './data.js';
import { environment } from './environment.js';
import { finishRun } from './finishRun.js';
import { ENVIRONMENT, json, readResult, SPEC } from './folder.js';
import { modelsIn, startingNetwork, teacherOf } from './network.js';
import type { Prepared } from './networks/classes.js';
import { inputSizeOf } from './networks/preparation.js';
import type { Result } from './result.js';
import type { Hash, Spec } from './spec.js';
import { taskOf } from './tasks/open.js';
import { imagesText } from './text.js';

/** What is told of a training that is about to begin. */
export interface BegunTraining {
  model: LayersModel;
  recipe: Recipe;
  data: RunImages['data'];
}

/** Who watches a training. */
export interface TrainingWatch {
  onEpoch?: (row: MetricsRow) => void | Promise<void>;
  /** Stops it. */
  signal?: AbortSignal;
  log?: (line: string) => void;
  close?: () => Promise<void>;
}

/** How a training is done: nothing of it changes what it results in. */
export interface TrainRunOptions
  extends Pick<
    FitOptions,
    | 'signal'
    | 'stopOnInterrupt'
    | 'showProgress'
    | 'checkpointEvery'
    | 'folderLocked'
    | 'allowOtherStart'
    | 'allowOtherThreads'
    | 'eager'
    | 'onStep'
    | 'log'
  > {
  /** The folder of the runs that the spec names by their hashes. Default: the working directory. */
  root?: string;
  /** Model folders of runs that the spec names by their hashes, and that are not there. */
  models?: Readonly<Record<Hash, string>>;
  /** The data set as it is on this machine, where it is opened already. */
  data?: OpenDataset;
  /** Threads that load images in files. Default: as many as the spec has. */
  workers?: number;
  /** Images of more pixels cannot be read. */
  maxPixels?: number;
  /** Called when everything is open; of several processes' by the first alone. */
  watch?: (training: BegunTraining) => Promise<TrainingWatch>;
}

/**
 * Trains, evaluates and merges as a spec says, into a folder: metrics.csv, checkpoints, the files of its task, `model`, `averaged` and `merged`,
 * spec.json, environment.json, and in the end result.json. Goes on where an earlier process stopped. Who calls it sees that no other process does the same.
 * @returns undefined if it was stopped before the end.
 * @throws Error where what it starts from is not there, its data are missing, or the process does not compute as the spec says.
 * @example
 * ```ts
 * const [spec] = Object.values(grid.runs);
 * const result = await trainRun(spec, 'runs/baseline', { showProgress: true });
 * ```
 */
export async function trainRun(spec: Spec, folder: string, options: TrainRunOptions = {}): Promise<Result | undefined> {
  await importAgain(spec.imports, import.meta.url);
  const task = await taskOf(spec);
  const { root = '.', models, log = console.log } = options;
  const modelOfRun = modelsIn(root, models);
  const opened = await openData(spec.data, options.data);
  const where = await environment(spec, opened.data.source);
  const startWeights = spec.from ? (await readResult(root, spec.from))?.weights : undefined;
  const writes = isFirstWorker();
  const layers: LeftOut['layers'] = [];
  const owned: { dispose(): unknown }[] = [];
  let images: RunImages | undefined;
  let watch: TrainingWatch = {};
  try {
    const network = await startingNetwork(modelOfRun, spec, task, {
      ...sizeFor(spec, opened.data, task),
      data: opened.data,
      onLeft: (left) => layers.push(...left),
    });
    const { model } = network;
    owned.push(model);
    for (const line of leftOutText({ layers })) log(line);
    if (spec.freezeBatchNorm) freezeBatchNorms(model);
    images = await prepareImages(
      spec,
      labelledBy(network, opened),
      task,
      { ...network, shape: shapeOf(network, spec.data, opened.data) },
      options,
    );
    const { data, recipe } = images;
    log(imagesText(data, images.shape));
    const teacher = await teacherOf(modelOfRun, spec);
    if (teacher) owned.push(teacher);
    if (writes) {
      watch = (await options.watch?.({ model, recipe, data })) ?? {};
      await makeFolder(folder);
      // That of a training which is refused, as the folder has another one, must not take the other's place.
      if (!existsSync(join(folder, SPEC))) await writeAtomically(join(folder, SPEC), [json(spec)]);
      await writeAtomically(join(folder, ENVIRONMENT), [json(where)]);
    }
    const signals = [options.signal, watch.signal].filter((each) => each !== undefined);
    const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    const fitted = await fit({
      ...options,
      ...{ model, task: task.task, data, recipe, folder, ...(teacher && { teacher }) },
      ...{ ...(signal && { signal }), ...(watch.onEpoch && { onEpoch: watch.onEpoch }), log: watch.log ?? log },
    });
    if (fitted.stopped || signal?.aborted) return undefined;
    const { eager } = options;
    const trained = { spec, folder, task, network, images, fitted, layers, environment: where, startWeights, log };
    return await finishRun(trained, { ...(eager !== undefined && { eager }) });
  } finally {
    await watch.close?.();
    for (const each of owned) each.dispose();
    await images?.close();
  }
}

/** The images with the labels that the network's classes have. */
function labelledBy({ classes, labels }: Prepared, { data, ...statistics }: OpenDataset): OpenDataset {
  const relabel = <S extends ImageSplit | ImageSource>(split: S) => relabelled(split, labels);
  const { train, validation, test } = data as ImageFiles;
  const splits = { train: relabel(train), test: relabel(test), ...(validation && { validation: relabel(validation) }) };
  return { data: { ...data, classes: [...classes], ...splits } as ImageFiles, ...statistics };
}

/** Height and width of the images that a network takes; where it takes any, of those that it is to be trained on. */
function shapeOf({ model, notes }: Prepared, { size }: Spec['data'], data: ImageDataset | ImageFiles) {
  const [, height, width] = model.inputs[0]?.shape ?? [];
  if (height && width) return [height, width] as const;
  const side = inFiles(data) ? inputSizeOf(model, notes, size) : data.train.height;
  return [side, side] as const;
}

/** In this process alone: the model is saved, and loaded again, as the plain one that it is. */
function freezeBatchNorms({ layers }: LayersModel): void {
  for (const layer of layers) {
    if (layer.getClassName() !== 'BatchNormalization') continue;
    layer.trainable = false;
    inEvaluation(layer);
  }
}
