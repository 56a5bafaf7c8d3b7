/** Models as folders: model.json and weights.bin, tfjs's own format, so that any tfjs program loads them, with a checksum. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Import, parseJson, type ReplaceOption, readText, removeLeftovers, writeWhole } from '@refconv/files';
// These two register the classes that a folder may name.
import { withoutDrawing } from '@refconv/layers';
import '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { io, LayersModel, layers } from '@tensorflow/tfjs';
import { foreignModel, foreignTopology } from './foreignModels.js';
import { checksumOf, MAX_JSON_BYTES, type ModelJson, readModelFile } from './modelFile.js';

/** What a folder says about its model besides topology and weights; tfjs calls it user-defined metadata. */
export interface ModelNotes {
  /** What it is for, where that is not classification: a task's id. */
  task?: string;
  /** The network's id and options in packages/backbones, where it is one of these. */
  backbone?: { id: string; options: Record<string, unknown> };
  /** How its images are normalised: of each channel, in units where 255 is 1. */
  mean?: readonly number[];
  std?: readonly number[];
  /** How its images are prepared for evaluation, where they come from files: a transform's text, see `parseTransform`. */
  transform?: string;
  /** The classes' names, in the order of the logits. */
  classes?: readonly string[];
  /** Files of a user's own that registered the method or the network: they are not loaded by themselves. */
  imports?: readonly Import[];
}

const MODEL_FILE = 'model.json';
const WEIGHTS_FILE = 'weights.bin';

/**
 * Saves a model as a folder with model.json and weights.bin. The folder appears whole or not at all.
 * @param notes kept in model.json; {@link loadModel} gives them back.
 * @throws Error where the folder exists already, or cannot be written; where layers of models inside have the same name.
 * @example
 * ```ts
 * await saveModel(model, 'model', { mean, std, classes: data.classes });
 * ```
 */
export async function saveModel(
  model: LayersModel,
  folder: string,
  notes: ModelNotes = {},
  { replace = false }: ReplaceOption = {},
): Promise<void> {
  const path = resolve(folder);
  const twice = sharedNames(model);
  if (twice) throw new Error(twice);
  if (existsSync(path) && !(replace && existsSync(join(path, MODEL_FILE)))) {
    throw new Error(`${path} exists already; choose another folder, or remove it.`);
  }
  await writeWhole(path, { replace }, async (unfinished) => {
    await mkdir(unfinished);
    const save = tf.io.withSaveHandler(async (artifacts) => {
      const { modelTopology, format, generatedBy, convertedBy, weightSpecs: weights = [], weightData } = artifacts;
      const weightsManifest = [{ paths: [WEIGHTS_FILE], weights }];
      const userDefinedMetadata = { refconv: notes };
      const bytes = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
      const model = {
        modelTopology: modelTopology as ModelJson['modelTopology'],
        weightsManifest,
        userDefinedMetadata,
      };
      const json = { ...model, format, generatedBy, convertedBy, sha256: checksumOf(model, bytes) };
      await writeFile(join(unfinished, WEIGHTS_FILE), bytes);
      await writeFile(join(unfinished, MODEL_FILE), JSON.stringify(json));
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    });
    await model.save(save);
  });
}

/**
 * What is wrong with a model that could not be loaded again: layers of models inside that have the same name, as their weights are told
 * apart by it. Undefined where nothing is.
 */
export function sharedNames(model: LayersModel): string | undefined {
  const paths = new Map<string, string[]>();
  const walk = (layer: layers.Layer, path: string) => {
    const { layers: inside } = layer as Partial<LayersModel>;
    for (const inner of inside ?? []) walk(inner, `${path}${layer === model ? '' : `${layer.name}/`}`);
    if (inside) return;
    for (const { originalName } of layer.weights)
      paths.set(originalName, [...new Set([...(paths.get(originalName) ?? []), `${path}${layer.name}`])]);
  };
  walk(model, '');
  const shared = [...new Set([...paths.values()].filter((list) => list.length > 1).flat())];
  if (shared.length === 0) return undefined;
  return (
    `${model.name} cannot be saved so that it can be loaded again: the layers ${shared.slice(0, 6).join(', ')} have weights of the same ` +
    'names. Give the layers of the models inside names of their own.'
  );
}

/**
 * Loads a model from its folder, or from its model.json.
 * @throws Error where there is none, or it is damaged: everything is checked before a model is made of it.
 * @example
 * ```ts
 * const { model, notes } = await loadModel('runs/baseline/model');
 * console.log(notes.classes);
 * ```
 */
export async function loadModel(path: string): Promise<{ model: LayersModel; notes: ModelNotes }> {
  const foreign = foreignModel(resolve(path));
  if (foreign) throw new Error(foreign);
  const file = path.endsWith('.json') ? resolve(path) : join(resolve(path), MODEL_FILE);
  // A process that replaces the folder may have been killed in between.
  if (!existsSync(file)) await removeLeftovers(dirname(dirname(file)), basename(dirname(file)));
  if (!existsSync(file)) {
    throw new Error(
      `There is no model in ${resolve(path)}: expected a folder with ${MODEL_FILE}, as \`saveModel\` makes it.`,
    );
  }
  try {
    const model = await build(await readModelFile(file));
    const { refconv = {} } = (model.getUserDefinedMetadata() ?? {}) as { refconv?: ModelNotes };
    return { model, notes: refconv };
  } catch (error) {
    const { message } = error as Error;
    const reason = (await foreignTopology(file, MAX_JSON_BYTES)) ?? ownLayer(message, await notesOf(file)) ?? message;
    throw new Error(`The model in ${file} cannot be loaded: ${reason.replace(/\.$/, '')}.`, { cause: error });
  }
}

/** What to do where tfjs does not know a layer; undefined for another message. */
function ownLayer(message: string, { imports }: ModelNotes): string | undefined {
  const [, layer] = /^Unknown layer: ([^\s.]+)/.exec(message) ?? [];
  if (layer === undefined) return undefined;
  const files = imports?.map(({ file }) => `--import ${file}`).join(' ') ?? '--import FILE';
  return `the layer ${layer} is not known: it is of a file of its own, which is given by ${files}`;
}

/**
 * The task that a model's folder says it is for; undefined where it says none, or cannot be read, which {@link loadModel} tells of.
 * @example
 * ```ts
 * await modelTask('runs/scenes/model'); // 'segmentation'
 * ```
 */
export async function modelTask(path: string): Promise<string | undefined> {
  return (await notesOf(path.endsWith('.json') ? resolve(path) : join(resolve(path), MODEL_FILE))).task;
}

/** What a model.json says besides; nothing where it cannot be read. */
async function notesOf(file: string): Promise<ModelNotes> {
  const text = await readText(file, MAX_JSON_BYTES).catch(() => '{}');
  try {
    const json = parseJson(text) as Partial<ModelJson> | undefined;
    return (json?.userDefinedMetadata as { refconv?: ModelNotes } | undefined)?.refconv ?? {};
  } catch {
    return {};
  }
}

/** The model with its weights. Where they do not fit, nothing of it stays, which tfjs would leave behind. */
async function build(artifacts: io.ModelArtifacts): Promise<LayersModel> {
  const { weightSpecs = [], weightData, modelTopology, userDefinedMetadata } = artifacts;
  const model = await withoutDrawing(() => tf.models.modelFromJSON({ modelTopology: modelTopology as never }));
  if (userDefinedMetadata) model.setUserDefinedMetadata(userDefinedMetadata);
  const weights = tf.io.decodeWeights(tf.io.CompositeArrayBuffer.join(weightData), weightSpecs);
  try {
    model.loadWeights(weights);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    tf.dispose(weights);
  }
}
