/** Exchanges layers of a tf.LayersModel by its topology, the JSON that saving writes. */
import { withoutDrawing } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { isReparameterized } from './method.js';

type Config = Record<string, unknown>;

interface LayerJson {
  class_name: string;
  config: Config;
  /** In a functional model, for each use of the layer its inputs: [layer, use, output, arguments]. */
  inbound_nodes?: [name: string, ...rest: unknown[]][][];
}

/** The layers around one that is used once: its only input, and the only user of its output. */
export interface Neighbours {
  before?: tf.layers.Layer;
  after?: tf.layers.Layer;
}

/**
 * The new class and config of a layer; undefined leaves it as it is. `config` is as saving writes it, in snake case. Layers come in
 * the topology's order: inputs first.
 */
export type Exchange = (
  layer: tf.layers.Layer,
  config: Config,
  neighbours: Neighbours,
) => { className: string; config: Config } | undefined;

interface Variable {
  originalName: string;
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

export interface Pair {
  from: tf.layers.Layer;
  to: tf.layers.Layer;
}

/** The layers right inside a layer: a model's layers, or what a wrapper such as TimeDistributed holds. */
function children(layer: tf.layers.Layer): tf.layers.Layer[] {
  const { layers, layer: wrapped } = layer as Partial<tf.LayersModel> & { layer?: tf.layers.Layer };
  return layers ?? (wrapped ? [wrapped] : []);
}

/** The same of a topology. */
function childrenJson({ config }: LayerJson): LayerJson[] {
  const { layers, layer } = config as { layers?: LayerJson[]; layer?: LayerJson };
  return layers ?? (layer ? [layer] : []);
}

function named<T>(items: T[], name: (item: T) => unknown, wanted: string, where: string): T {
  const found = items.find((item) => name(item) === wanted);
  if (!found) throw new Error(`The topology of ${where} has no layer ${wanted}.`);
  return found;
}

const nameOf = ({ config }: LayerJson) => config.name as string;

/** What each layer of a topology reads, use by use; the model's outputs are read by one without a name. */
function readers(json: LayerJson): { reader: string; inputs: string[] }[] {
  const layers = childrenJson(json);
  const { output_layers: outputs } = json.config as { output_layers?: unknown[] };
  if (!outputs) {
    // A sequential model: each reads the one before.
    const names = [...layers.map(nameOf), ''];
    return names.slice(1).map((reader, i) => ({ reader, inputs: [names[i] as string] }));
  }
  const uses = layers.flatMap((layer) =>
    (layer.inbound_nodes ?? []).map((node) => ({ reader: nameOf(layer), inputs: node.map(([input]) => input) })),
  );
  // One output is written without the outer brackets.
  const list = (Array.isArray(outputs[0]) ? outputs : [outputs]) as [name: string][];
  return [...uses, ...list.map(([name]) => ({ reader: '', inputs: [name] }))];
}

/** Exchanges the layers inside `json`, the topology of `layer`, in place; names them in `exchanged`, by path. */
function exchangeInside(layer: tf.layers.Layer, json: LayerJson, exchange: Exchange, exchanged: tf.layers.Layer[]) {
  const inside = children(layer);
  const uses = readers(json);
  const usedOnce = (name?: string) => (uses.filter(({ reader }) => reader === name).length <= 1 ? name : undefined);
  const layerNamed = (name?: string) => inside.find((other) => other.name === name);
  const neighbours = (name: string): Neighbours => {
    if (!usedOnce(name)) return {};
    const read = uses.filter(({ reader }) => reader === name).flatMap(({ inputs }) => inputs);
    const readBy = uses.filter(({ inputs }) => inputs.includes(name)).map(({ reader }) => reader);
    return {
      ...(read.length === 1 && { before: layerNamed(usedOnce(read[0])) }),
      ...(readBy.length === 1 && { after: layerNamed(usedOnce(readBy[0])) }),
    };
  };
  for (const child of inside) {
    const childJson = named(childrenJson(json), nameOf, child.name, layer.name);
    const replacement = exchange(child, childJson.config, neighbours(child.name));
    if (replacement) {
      childJson.class_name = replacement.className;
      childJson.config = replacement.config;
      exchanged.push(child);
    } else {
      exchangeInside(child, childJson, exchange, exchanged);
    }
  }
}

/** The layers that hold weights themselves, of two models with the same names. */
function* pairs(from: tf.layers.Layer, to: tf.layers.Layer): Generator<Pair> {
  const inside = children(from);
  if (!inside.length) yield { from, to };
  for (const child of inside) {
    yield* pairs(
      child,
      named(children(to), ({ name }) => name, child.name, to.name),
    );
  }
}

/** A layer's weights by their own names; where a layer has several of one name, they are numbered in the layer's order. */
function weightsByName(layer: tf.layers.Layer): Map<string, Variable> {
  const byName = new Map<string, Variable>();
  for (const weight of layer.weights as unknown as Variable[]) {
    const name = weight.originalName.split('/').pop() as string;
    let key = name;
    for (let count = 2; byName.has(key); count++) key = `${name}#${count}`;
    byName.set(key, weight);
  }
  return byName;
}

async function copyWeights({ from, to }: Pair, overrides: Record<string, tf.Tensor>): Promise<void> {
  const given = weightsByName(from);
  const wanted = weightsByName(to);
  const lost = Object.keys(overrides).filter((name) => !wanted.has(name));
  if (lost.length) throw new Error(`The layer ${to.name} has no weight ${lost.join(', ')} to merge into.`);
  for (const [name, weight] of wanted) {
    const source = overrides[name] ?? given.get(name)?.read();
    if (!source) continue;
    // By value, since a variable that a compiled function changes must share its data with no other.
    const value = tf.tensor(await source.data(), source.shape, source.dtype);
    weight.write(value);
    value.dispose();
  }
  tf.dispose(overrides);
}

/**
 * A copy of a model with some layers exchanged; names and links are kept, weights are copied by layer and own name. The given model
 * stays as it is.
 * @param merged values for weights of the new layer that are not copied from the old one; they are disposed.
 */
export async function rewrite(
  model: tf.LayersModel,
  exchange: Exchange,
  merged: (layer: tf.layers.Layer) => Record<string, tf.Tensor> = () => ({}),
): Promise<{ result: tf.LayersModel; exchanged: Pair[] }> {
  const topology = model.toJSON(undefined, false) as unknown as LayerJson;
  const exchangedLayers: tf.layers.Layer[] = [];
  exchangeInside(model, topology, exchange, exchangedLayers);
  // A plain layer's weights are all copied; a method's own may stay as they start.
  const build = () => tf.models.modelFromJSON({ modelTopology: topology as never });
  const result = await withoutDrawing(build, (layer) => !isReparameterized(layer));
  const exchanged: Pair[] = [];
  for (const pair of pairs(model, result)) {
    await copyWeights(pair, merged(pair.from));
    if (exchangedLayers.includes(pair.from)) exchanged.push(pair);
  }
  return { result, exchanged };
}
