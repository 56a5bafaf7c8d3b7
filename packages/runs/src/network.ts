/** The networks that runs begin with, and those that they learn from. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildMethod, type ReparameterizeOptions, reparameterize } from '@refconv/refconv';
import { loadModel } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { isDone, MERGED, MODEL, runFolder } from './folder.js';
import { forClasses, type Prepared } from './networks/classes.js';
import { overClassifier, requireClasses } from './networks/dense.js';
import { hashOfFile, hashOfModel } from './networks/modelFiles.js';
import type { KnownImages, SourceOptions } from './networks/options.js';
import { openSource, type Source } from './networks/source.js';
import { withoutUndefined } from './networks/weights.js';
import { type Hash, type Spec, shortHash } from './spec.js';
import { taskOf } from './tasks/open.js';
import type { RunTask } from './tasks/registry.js';

type OnLeft = Pick<ReparameterizeOptions, 'onLeft'>;

/** The model folder of a finished run. @throws Error where it is not finished. */
export type ModelOfRun = (hash: Hash) => string;

/** @param others model folders of runs that are not in `root`. */
export const modelsIn =
  (root: string, others: Readonly<Record<Hash, string>> = {}): ModelOfRun =>
  (hash) =>
    others[hash] ?? finishedModel(root, hash, [MERGED, MODEL]);

/** The network with initial weights, or that which another run ended with; in either case with the method's layers. @param wanted.onLeft is told which layers it leaves. */
export async function startingModel(
  root: string,
  spec: Spec,
  { classes, shape: [height, width], onLeft }: { classes: number; shape: readonly [number, number] } & OnLeft,
): Promise<LayersModel> {
  const task = await taskOf(spec);
  const { model } = await plainNetwork(modelsIn(root), spec, task, { height, width, classes });
  return withMethod(model, spec, task, onLeft);
}

/**
 * The network that a training begins with, with the method's layers, and what its classes are.
 * @param images what they are: without a height as the model's folder says.
 * @throws Error where its classes are others than those of the data.
 */
export async function startingNetwork(
  modelOfRun: ModelOfRun,
  spec: Spec,
  task: RunTask,
  { data, onLeft, ...images }: KnownImages & { data: { name: string; classes: readonly string[] } } & OnLeft,
): Promise<Prepared> {
  const { model: folder, weights, newHead = false, seed } = spec;
  const { classes } = data;
  const source = await plainNetwork(modelOfRun, spec, task, { ...images, classes: classes.length });
  const prepare = async (): Promise<Prepared> => {
    if (!task.network && (folder || weights || newHead))
      return forClasses(source, data, { newHead, seed, from: folder?.folder ?? weights?.file });
    if (task.network) requireClasses(task.task, source.model, data);
    return { ...source, classes, labels: classes.map((_, label) => label) };
  };
  let prepared: Prepared;
  try {
    prepared = await prepare();
  } catch (error) {
    source.model.dispose();
    throw error;
  }
  return { ...prepared, model: await withMethod(prepared.model, spec, task, onLeft) };
}

/** Without the method's layers. */
async function plainNetwork(modelOfRun: ModelOfRun, spec: Spec, task: RunTask, images: KnownImages): Promise<Source> {
  const { network, task: purpose, seed, from, model, weights } = spec;
  const { id: backbone, ...options } = network;
  const { id, ...head } = purpose ?? {};
  const asked: SourceOptions = withoutUndefined({ task: id, ...head, seed });
  if (from) {
    const found = await loadModel(modelOfRun(from));
    const source = { model: found.model, notes: { backbone: { id: backbone, options } } };
    const isClassifier = found.model.outputs[0]?.shape.length === 2;
    return task.network && isClassifier ? overClassifier(task.network, source, asked, images) : source;
  }
  if (model) return openSource({ ...asked, model: await modelOf(model) }, images);
  const given = weights && { weights: await weightsOf(weights), identity: weights.identity };
  return openSource({ ...asked, ...options, backbone, ...given }, images, { guess: false });
}

/** The model with the method's layers in the place of its convolutions; the given one is disposed of. */
async function withMethod(
  plain: LayersModel,
  { method, seed }: Spec,
  task: RunTask,
  onLeft: OnLeft['onLeft'],
): Promise<LayersModel> {
  if (!method) return plain;
  const { id, options, start, withoutBatchNorm, everywhere } = method;
  const named = method.select === undefined ? undefined : new RegExp(method.select);
  // The heads of segmenters and detectors stay as they are, unless they are asked for.
  const select = named ? ({ name }: { name: string }) => named.test(name) : everywhere ? undefined : task.select;
  try {
    const choice = { start, withoutBatchNorm, seed, onLeft, ...(select && { select }) };
    return await reparameterize(plain, buildMethod(id, options), choice);
  } finally {
    plain.dispose();
  }
}

/** The network that a run learns from; undefined where there is none. */
export async function teacherOf(modelOfRun: ModelOfRun, { teacher }: Spec): Promise<LayersModel | undefined> {
  if (teacher === undefined) return undefined;
  const folder = typeof teacher === 'string' ? modelOfRun(teacher) : await modelOf(teacher, 'teacher');
  return (await loadModel(folder)).model;
}

/** @throws Error where the folder is not the one that the spec means. */
async function modelOf({ folder, sha256 }: NonNullable<Spec['model']>, what = 'model'): Promise<string> {
  const found = existsSync(folder) ? await hashOfModel(folder) : sha256; // where it is not there, who loads it says so
  if (found !== sha256)
    throw new Error(
      `${folder} is not the ${what} that the spec means: the SHA-256 of its files is ${found}, expected ${sha256}.`,
    );
  return folder;
}

/** @throws Error where the file is not found, or is not the one that the spec means. */
async function weightsOf({ file, sha256 }: NonNullable<Spec['weights']>): Promise<string> {
  const { REFCONV_DATA } = process.env;
  const paths = [file, ...(REFCONV_DATA ? [join(REFCONV_DATA, 'weights', file)] : [])];
  const path = paths.find((each) => existsSync(each));
  if (!path)
    throw new Error(`The weights ${file} were not found: set REFCONV_DATA to the folder that has them in weights/.`);
  const found = await hashOfFile(path);
  if (found !== sha256)
    throw new Error(`${path} is not the file that the spec means: its SHA-256 is ${found}, expected ${sha256}.`);
  return path;
}

/**
 * The folder of a finished run's model.
 * @param names which model, the first that there is.
 * @throws Error where the run is not finished, or its model is not kept, as most published ones are not.
 */
export function finishedModel(root: string, from: Hash, names: readonly string[]): string {
  const run = runFolder(root, from);
  const folder = names.map((name) => join(run, name)).find((path) => existsSync(path));
  if (!isDone(root, from))
    throw new Error(`The run that this one starts from, ${shortHash(from)}, is not finished: do it first.`);
  if (folder) return folder;
  throw new Error(
    `The run that this one starts from, ${shortHash(from)}, is finished, but ${run} has no ${names.join(' and no ')}: ` +
      'put its model there, or move that folder away; ' +
      '`refconv experiment retry` and the same command again then go on, and train what is not there.',
  );
}
