/** tf.LayersModels as TensorFlow SavedModels. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ReplaceOption, writeWhole } from '@refconv/files';
import { frozenGraph, loadedInstallation } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { RECORDED, withAnyBatch } from './anyBatch.js';
import { keysOf, outputKeys } from './keys.js';
import { decodeGraph, encodeSavedModel, type GraphDef, type TensorInfo, tensorShape } from './tensorflowProto.js';

export interface SavedModelOptions extends ReplaceOption {
  /** The number of images of a batch. Default: any. */
  batch?: number;
}

/** The key under which TensorFlow's programs look for the function that a model is. */
const SIGNATURE = 'serving_default';

/**
 * Writes a model as a TensorFlow SavedModel: the graph that evaluates it, of stock TensorFlow operations, with the weights as
 * constants. The signature `serving_default` takes `image` [batch, h, w, c] and gives `logits` [batch, classes]; a model of several
 * inputs or outputs has those under the names of their layers. Python loads it by `tf.saved_model.load(folder)`, tfjs-node by
 * `tf.node.loadSavedModel(folder)`.
 *
 * Each layer is recorded as it runs, so that any layer of tf.layers or of a user's own can be written.
 * @throws Error where the model leaves the images' size open; where the batch's size enters in a way that TensorFlow cannot leave
 *   open (give `batch`); where a layer cannot be recorded; and if the folder is there and not empty, unless `replace` is set.
 * @example
 * ```ts
 * await exportSavedModel(merged, 'saved_model'); // Python: tf.saved_model.load('saved_model')
 * ```
 */
export async function exportSavedModel(
  model: LayersModel,
  folder: string,
  options: SavedModelOptions = {},
): Promise<void> {
  const { batch, ...writing } = options;
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1))
    throw new RangeError(`batch must be a positive integer; given ${batch}.`);
  const bytes = encodeSavedModel({
    schemaVersion: 1,
    metaGraphs: [
      {
        info: { tags: ['serve'], tensorflowVersion: loadedInstallation.version },
        ...inferenceGraph(model, batch),
      },
    ],
  });
  await writeWhole(folder, writing, async (unfinished) => {
    await mkdir(unfinished);
    await writeFile(join(unfinished, 'saved_model.pb'), bytes);
  });
}

function inferenceGraph(model: LayersModel, batch: number | undefined) {
  const { inputs, outputs } = model;
  const [one, two] = (batch === undefined ? RECORDED : [batch]).map((size) => record(model, size));
  const graph = decodeGraph(one.definition);
  const open = two ? withAnyBatch(graph, decodeGraph(two.definition)) : graph;
  const describe = (tensors: SymbolicTensor[], nodes: string[], keys: string[]) =>
    tensors.map((tensor, i) => ({
      key: keys[i],
      node: nodes[i],
      dtype: tensor.dtype === 'int32' ? 3 : 1,
      shape: tensorShape([batch ?? null, ...tensor.shape.slice(1)]),
    }));
  const given = describe(inputs, one.inputs, keysOf(inputs, 'image'));
  const results = describe(outputs, one.outputs, outputKeys(model));
  const names = new Map([...given, ...results].map(({ node, key }) => [node, key]));
  const info = (described: typeof given): Record<string, TensorInfo> =>
    Object.fromEntries(described.map(({ key, dtype, shape }) => [key, { name: `${key}:0`, dtype, shape }]));
  return {
    graph: renamed(needed(open, [...one.inputs, ...one.outputs]), names),
    signatures: {
      [SIGNATURE]: { inputs: info(given), outputs: info(results), methodName: 'tensorflow/serving/predict' },
    },
  };
}

function record(model: LayersModel, batch: number) {
  const specs = model.inputs.map(({ name, shape, dtype }) => {
    const sizes = shape.slice(1);
    if (sizes.includes(null))
      throw new Error(
        `The model's input ${name} has the open shape [${shape.map((size) => size ?? 'any')}]; a SavedModel needs all sizes but the ` +
          'batch. Build the model with the size of its images.',
      );
    return { dtype: dtype as 'float32', shape: [batch, ...(sizes as number[])] };
  });
  const body = (...inputs: Tensor[]) =>
    model.apply(inputs.length === 1 ? inputs[0] : inputs, { training: false }) as Tensor;
  return frozenGraph(body, specs);
}

/** The node of an input's name: `name:1` is another output of a node, `^name` one that must have run. */
const nodeOf = (input: string) => input.replace(/^\^/, '').replace(/:\d+$/, '');

/** The graph without the nodes that nothing reads. */
function needed({ node, versions }: GraphDef, names: string[]): GraphDef {
  const byName = new Map(node.map((entry) => [entry.name, entry]));
  const found = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    open.push(...(byName.get(name)?.input ?? []).map(nodeOf));
  }
  return { node: node.filter(({ name }) => found.has(name)), versions };
}

function renamed({ node, versions }: GraphDef, names: Map<string, string>): GraphDef {
  return {
    node: node.map((entry) => ({
      ...entry,
      name: names.get(entry.name) ?? entry.name,
      input: entry.input.map((input) => names.get(input) ?? input),
    })),
    versions,
  };
}
