/** Exchanges layers of a tf.LayersModel by its topology, the JSON that saving writes. */
import * as tf from '@tensorflow/tfjs';

type Config = Record<string, unknown>;

interface LayerJson {
  class_name: string;
  config: Config;
}

/** The new class and config of a layer; undefined leaves it as it is. `config` is as saving writes it, in snake case. */
export type Exchange = (layer: tf.layers.Layer, config: Config) => { className: string; config: Config } | undefined;

interface Variable {
  originalName: string;
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

interface Pair {
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

/** Exchanges the layers inside `json`, the topology of `layer`, in place; names them in `exchanged`, by path. */
function exchangeInside(layer: tf.layers.Layer, json: LayerJson, exchange: Exchange, exchanged: tf.layers.Layer[]) {
  for (const child of children(layer)) {
    const childJson = named(childrenJson(json), ({ config }) => config.name, child.name, layer.name);
    const replacement = exchange(child, childJson.config);
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
  const result = await tf.models.modelFromJSON({ modelTopology: topology as never });
  const exchanged: Pair[] = [];
  for (const pair of pairs(model, result)) {
    await copyWeights(pair, merged(pair.from));
    if (exchangedLayers.includes(pair.from)) exchanged.push(pair);
  }
  return { result, exchanged };
}
