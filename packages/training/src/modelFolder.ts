/** Models as folders: model.json and weights.bin, tfjs's own format, so that any tfjs program loads them. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ReplaceOption, writeWhole } from '@refconv/files';
// Registers the classes that a folder may name.
import '@refconv/layers';
import '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { io, LayersModel } from '@tensorflow/tfjs';

/** What a folder says about its model besides topology and weights; tfjs calls it user-defined metadata. */
export interface ModelNotes {
  /** The network's id and options in packages/backbones, where it is one of these. */
  backbone?: { id: string; options: Record<string, unknown> };
  /** How its images are normalised: of each channel, in units where 255 is 1. */
  mean?: readonly number[];
  std?: readonly number[];
  /** How its images are prepared for evaluation, where they come from files: a transform's text, see `parseTransform`. */
  transform?: string;
  /** The classes' names, in the order of the logits. */
  classes?: readonly string[];
}

const MODEL_FILE = 'model.json';
const WEIGHTS_FILE = 'weights.bin';

/**
 * Saves a model as a folder with model.json and weights.bin. The folder appears whole or not at all.
 * @param notes kept in model.json; {@link loadModel} gives them back.
 * @param options.replace replaces a model that is there. Default: false.
 * @throws Error where the folder exists already, or cannot be written.
 */
export async function saveModel(
  model: LayersModel,
  folder: string,
  notes: ModelNotes = {},
  { replace = false }: ReplaceOption = {},
): Promise<void> {
  const path = resolve(folder);
  if (existsSync(path) && !(replace && existsSync(join(path, MODEL_FILE)))) {
    throw new Error(`${path} exists already; choose another folder, or remove it.`);
  }
  await writeWhole(path, { replace }, async (unfinished) => {
    await mkdir(unfinished);
    const save = tf.io.withSaveHandler(async (artifacts) => {
      const { modelTopology, format, generatedBy, convertedBy, weightSpecs: weights = [], weightData } = artifacts;
      const weightsManifest = [{ paths: [WEIGHTS_FILE], weights }];
      const userDefinedMetadata = { refconv: notes };
      const json = { modelTopology, format, generatedBy, convertedBy, weightsManifest, userDefinedMetadata };
      await writeFile(join(unfinished, WEIGHTS_FILE), new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
      await writeFile(join(unfinished, MODEL_FILE), JSON.stringify(json));
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    });
    await model.save(save);
  });
}

/**
 * Loads a model from its folder, or from its model.json.
 * @throws Error where there is none, or it is damaged.
 */
export async function loadModel(path: string): Promise<{ model: LayersModel; notes: ModelNotes }> {
  const file = path.endsWith('.json') ? resolve(path) : join(resolve(path), MODEL_FILE);
  if (!existsSync(file)) {
    throw new Error(
      `There is no model in ${resolve(path)}: expected a folder with ${MODEL_FILE}, as \`saveModel\` makes it.`,
    );
  }
  try {
    const artifacts = await tf.io.fileSystem(file).load();
    checkSize(artifacts);
    const model = (await tf.loadLayersModel(tf.io.fromMemory(artifacts))) as LayersModel;
    const { refconv = {} } = (model.getUserDefinedMetadata() ?? {}) as { refconv?: ModelNotes };
    return { model, notes: refconv };
  } catch (error) {
    throw new Error(`The model in ${file} cannot be loaded: ${(error as Error).message}`, { cause: error });
  }
}

/** tfjs builds the model first and leaves it behind if the weights then turn out to be cut off. */
function checkSize({ weightSpecs = [], weightData }: io.ModelArtifacts): void {
  if (weightSpecs.some(({ quantization, dtype }) => quantization || dtype === 'string')) return;
  const expected = weightSpecs.reduce(
    (sum, { shape, dtype }) => sum + tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype as 'float32'),
    0,
  );
  const given = tf.io.CompositeArrayBuffer.join(weightData).byteLength;
  if (given !== expected) throw new Error(`its weights have ${given} bytes, ${expected} are expected.`);
}
