/** The topology of a layers model, checked as a graph: tfjs would wait for ever for a layer that never comes. */
import { shown } from '@refconv/files';
import type { io } from '@tensorflow/tfjs';

const MAX_LAYERS = 20_000;

type Json = Record<string, unknown>;

export const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MODELS = ['Functional', 'Model', 'Sequential'];

/**
 * @param weights of the manifest: the sizes that layers state must be sizes of their weights, before memory is taken for them.
 * @throws Error naming the layer that is wrong.
 */
export function checkTopology(
  topology: Json,
  weights: readonly Pick<io.WeightsManifestEntry, 'name' | 'shape'>[],
): void {
  const model = isRecord(topology.model_config) ? topology.model_config : topology;
  const sizes = new Map<string, Set<number>>();
  for (const { name, shape } of weights) {
    // `block/conv/kernel` is a weight of `block/conv`.
    const layer = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    const known = sizes.get(layer) ?? new Set();
    for (const size of shape) known.add(size);
    sizes.set(layer, known);
  }
  checkModel(model, sizes);
}

function checkModel(model: Json, sizes: ReadonlyMap<string, Set<number>>): void {
  const { class_name: kind, config } = model;
  if (typeof kind !== 'string' || !MODELS.includes(kind)) {
    throw new Error(`its topology is a ${shown(String(kind))}; expected one of ${MODELS.join(', ')}`);
  }
  const layers = Array.isArray(config) ? config : isRecord(config) ? config.layers : undefined;
  if (!Array.isArray(layers)) throw new Error('its topology has no list of layers');
  if (layers.length > MAX_LAYERS) throw new Error(`its topology has ${layers.length} layers`);
  const names = new Set<string>();
  for (const layer of layers) {
    const { class_name: className, config: own } = isRecord(layer) ? layer : {};
    if (typeof className !== 'string' || (!isRecord(own) && !Array.isArray(own))) {
      throw new Error('a layer of its topology has no class or no config');
    }
    if (MODELS.includes(className)) checkModel(layer, sizes);
    const name = nameOf(layer);
    if (name !== undefined && names.has(name)) throw new Error(`its topology has two layers ${shown(name)}`);
    if (name !== undefined) names.add(name);
    if (isRecord(own) && name !== undefined) checkSizes(name, className, own, sizes.get(name));
  }
  if (kind !== 'Sequential') checkGraph(layers, config as Json);
}

function nameOf(layer: Json): string | undefined {
  const name = layer.name ?? (isRecord(layer.config) ? layer.config.name : undefined);
  return typeof name === 'string' ? name : undefined;
}

/** Entries that say how large a layer's weights are. */
const SIZES = ['filters', 'units', 'depth_multiplier', 'kernel_size'];
const WEIGHTED = /^(Conv\dD|DepthwiseConv2D|SeparableConv2D|Dense|GroupedConv2D)$/;

function checkSizes(name: string, className: string, config: Json, sizes: Set<number> | undefined): void {
  if (!sizes) {
    if (WEIGHTED.test(className)) throw new Error(`its manifest has no weights of the layer ${shown(name)}`);
    return;
  }
  for (const entry of SIZES) {
    for (const value of [config[entry]].flat()) {
      if (value === undefined || value === null || sizes.has(value as number)) continue;
      throw new Error(`the layer ${shown(name)} has ${entry} ${shown(String(value))}, which none of its weights has`);
    }
  }
}

/** A node of a layer, and those that it waits for: [layer, index]. */
interface Node {
  layer: string;
  from: [string, number][];
}

/** Layers of which there is an output before they are used: inputs, and models inside, which are made from their own inputs to their outputs. */
const STARTS_MADE = ['InputLayer', ...MODELS];

/** Does in numbers what tfjs does with layers, and sees where it would not come to an end. */
function checkGraph(layers: Json[], config: Json): void {
  const made = new Map<string, number>();
  let open: Node[] = [];
  for (const layer of layers) {
    const name = nameOf(layer);
    if (name === undefined) throw new Error('a layer of its topology has no name');
    const { inbound_nodes: nodes = [] } = layer;
    if (!Array.isArray(nodes)) throw new Error(`the inputs of the layer ${shown(name)} are no list`);
    made.set(name, STARTS_MADE.includes(String(layer.class_name)) ? 1 : 0);
    if (nodes.length === 0 && layer.class_name !== 'InputLayer') {
      throw new Error(`the layer ${shown(name)} has no input`);
    }
    for (const node of nodes) open.push({ layer: name, from: inputsOf(node, name) });
  }
  for (const { layer, from } of open) {
    const missing = from.find(([name]) => !made.has(name));
    if (missing)
      throw new Error(`the layer ${shown(layer)} takes its input from ${shown(missing[0])}, which is not there`);
  }
  while (open.length > 0) {
    const left: Node[] = [];
    for (const node of open) {
      const ready = node.from.every(([name, index]) => (made.get(name) as number) > index);
      if (ready) made.set(node.layer, (made.get(node.layer) as number) + 1);
      else left.push(node);
    }
    if (left.length === open.length) {
      throw new Error(
        `the layer ${shown(open[0]?.layer ?? '')} waits for its own output, or for one that is never made`,
      );
    }
    open = left;
  }
  for (const end of ['input_layers', 'output_layers']) {
    const references = config[end];
    if (!Array.isArray(references) || references.length === 0) throw new Error(`its topology has no ${end}`);
    // One alone may stand without a list around it.
    const list = typeof references[0] === 'string' ? [references] : references;
    for (const reference of list) {
      const [name, index] = referenceOf(reference, end);
      if ((made.get(name) ?? 0) <= index) throw new Error(`its ${end} name ${shown(name)}, which is not there`);
    }
  }
}

function inputsOf(node: unknown, layer: string): [string, number][] {
  if (!Array.isArray(node)) throw new Error(`the inputs of the layer ${shown(layer)} are no list`);
  return node.map((reference) => referenceOf(reference, `inputs of the layer ${layer}`));
}

function referenceOf(reference: unknown, where: string): [string, number] {
  const [name, index, tensor] = Array.isArray(reference) ? reference : [];
  const isIndex = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof name === 'string' && isIndex(index) && isIndex(tensor)) return [name, index];
  throw new Error(`a reference in the ${shown(where)} is not [layer, node, tensor]`);
}
