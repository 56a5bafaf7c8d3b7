/** Networks as feature extractors: the outputs of chosen modules, at a chosen output stride, under the prefix `backbone.`. */
import { withoutDrawing } from '@refconv/layers';
import { loadTorchState, type TorchState, torchState } from '@refconv/weights';
import * as tf from '@tensorflow/tfjs';
import type { BackboneOptions, DilationDialect, FeatureTaps } from './backbone.js';
import { BACKBONES, buildBackbone } from './registry.js';

/** Stands before the names of a backbone's layers, and so before its keys. */
export const BACKBONE_PREFIX = 'backbone.';

interface LayerJson {
  name: string;
  class_name: string;
  config: Record<string, unknown>;
  /** For each use of the layer its inputs. */
  inbound_nodes: [name: string, use: number, output: number, ...rest: unknown[]][][];
}

interface Topology {
  config: { layers: LayerJson[]; input_layers: [string, number, number][]; output_layers: [string, number, number][] };
}

export interface FeatureOptions {
  /** Paths of modules, whose outputs are the model's, in this order. */
  taps: readonly string[];
  /** Height and width of the images in pixels. Default: the model's. */
  inputSize?: readonly [height: number, width: number];
  /**
   * The largest stride of a feature: convolutions that would exceed it get stride 1, and those behind them are dilated. Default: the
   * network's own.
   */
  outputStride?: number;
  /** Default: 'timm'. */
  dialect?: DilationDialect;
}

const inputsOf = ({ inbound_nodes }: LayerJson) => inbound_nodes.flat().map(([name]) => name);

/** The layer whose output is a module's: of the module's layers the one that none of them reads. */
function outputOf(layers: LayerJson[], path: string, network: string): string {
  const inside = layers.filter(({ name }) => name === path || name.startsWith(`${path}.`));
  const read = new Set(inside.flatMap(inputsOf));
  const [last, ...others] = inside.filter(({ name }) => !read.has(name));
  if (last && !others.length) return last.name;
  throw new RangeError(
    last
      ? `The module ${path} of ${network} has several outputs: ${[last, ...others].map(({ name }) => name).join(', ')}; name one.`
      : `${network} has no module ${path}; its modules are the beginnings of its layers' names, such as ${layers.at(-1)?.name}.`,
  );
}

const pair = (value: unknown) => value as [number, number];

/**
 * Takes the strides beyond `outputStride` out of a topology, in place, and dilates the convolutions behind them by as much: their
 * windows meet the pixels that they met before. Padding becomes dilation·(k − 1)/2.
 */
function dilate(layers: LayerJson[], outputStride: number, dialect: DilationDialect): void {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const reached = new Map<string, { stride: number; dilation: number }>();
  for (const layer of layers) {
    const { name, config } = layer;
    const before = inputsOf(layer).map((input) => reached.get(input) ?? { stride: 1, dilation: 1 });
    let stride = Math.max(1, ...before.map((input) => input.stride));
    let dilation = Math.max(1, ...before.map((input) => input.dilation));
    const [own = 1] = (config.strides as number[] | undefined) ?? [];
    const isConvolution = config.dilation_rate !== undefined;
    let used = dilation;
    if (stride * own <= outputStride) {
      stride *= own;
    } else if (isConvolution) {
      if (own > 1) unstride(layer, byName);
      dilation *= own;
      if (dialect === 'torchvision') used = dilation;
    } else if (own > 1) {
      throw new RangeError(
        `The layer ${name} has stride ${own}, which only convolutions can give up; give a larger output stride.`,
      );
    }
    reached.set(name, { stride, dilation });
    if (!isConvolution || used === 1 || Math.max(...pair(config.kernel_size)) === 1) continue;
    config.dilation_rate = pair(config.dilation_rate).map((rate) => rate * used);
    if (layer.class_name === 'DepthwiseConv2D') layer.class_name = 'DilatedDepthwiseConv2D';
  }
}

/** Gives a convolution stride 1, and the padding of a layer before it to the convolution itself. */
function unstride(layer: LayerJson, byName: Map<string, LayerJson>): void {
  const { config } = layer;
  config.strides = [1, 1];
  const [from] = inputsOf(layer);
  const pad = byName.get(from as string);
  if (config.padding === 'same' || Math.max(...pair(config.kernel_size)) === 1) return;
  const half = pair(config.kernel_size).map((size) => (size - 1) / 2);
  const isCentred =
    pad?.class_name === 'ZeroPadding2D' && String(pad.config.padding) === String(half.map((n) => [n, n]));
  if (!isCentred) {
    throw new RangeError(
      `The convolution ${layer.name} cannot give up its stride: it is not padded by half its kernel on all sides.`,
    );
  }
  config.padding = 'same';
  layer.inbound_nodes = pad.inbound_nodes;
}

/**
 * A model of features: images [n, height, width, 3] to the outputs of modules, with copies of the given model's weights. Layers that no tap
 * needs, such as the classifier, are left out; the others keep their names behind the prefix `backbone.`.
 * @throws RangeError where there is no such module, or a stride cannot be taken out.
 * @example
 * ```ts
 * const body = await featureExtractor(mobilenetv2(), { taps: ['features.3', 'features.18'] });
 * const [early, late] = body.predict(images) as tf.Tensor4D[];
 * ```
 */
export async function featureExtractor(model: tf.LayersModel, options: FeatureOptions): Promise<tf.LayersModel> {
  const { taps, inputSize, outputStride = Infinity, dialect = 'timm' } = options;
  const topology = model.toJSON(undefined, false) as unknown as Topology;
  const { config } = topology;
  const outputs = taps.map((path) => outputOf(config.layers, path, model.name));
  dilate(config.layers, outputStride, dialect);

  const byName = new Map(config.layers.map((layer) => [layer.name, layer]));
  const needed = new Set<string>();
  for (const open = [...outputs]; open.length; ) {
    const name = open.pop() as string;
    if (needed.has(name)) continue;
    needed.add(name);
    open.push(...inputsOf(byName.get(name) as LayerJson));
  }
  config.layers = config.layers.filter(({ name }) => needed.has(name));

  const inputs = new Set(config.input_layers.map(([name]) => name));
  const renamed = (name: string) => (inputs.has(name) ? name : BACKBONE_PREFIX + name);
  for (const layer of config.layers) {
    if (inputs.has(layer.name) && inputSize) layer.config.batch_input_shape = [null, ...inputSize, 3];
    layer.name = renamed(layer.name);
    layer.config.name = layer.name;
    for (const node of layer.inbound_nodes) for (const input of node) input[0] = renamed(input[0]);
  }
  config.output_layers = outputs.map((name) => [renamed(name), 0, 0]);
  const result = await withoutDrawing(() => tf.models.modelFromJSON({ modelTopology: topology as never }));
  for (const name of needed) {
    const weights = model.getLayer(name).getWeights();
    if (weights.length) result.getLayer(renamed(name)).setWeights(weights);
  }
  return result;
}

/**
 * The taps of a registered network. @throws RangeError where none are known.
 * @example
 * ```ts
 * const { segmentation, detection } = featureTaps('mobilenetv1'); // the modules whose outputs these take
 * ```
 */
export function featureTaps(id: string): FeatureTaps {
  const taps = BACKBONES.find(id)?.features;
  if (taps) return taps;
  const known = BACKBONES.ids().filter((other) => BACKBONES.find(other)?.features);
  throw new RangeError(`No taps are known for the backbone '${id}'; they are for ${known.join(', ')}.`);
}

/**
 * A registered network as a feature extractor, see {@link featureExtractor}; its dialect of dilation is the one that its reference has.
 * @throws RangeError as {@link buildBackbone} does, and where the network has no dilated form for the output stride.
 * @example
 * ```ts
 * const { low, high } = featureTaps('mobilenetv2').segmentation;
 * const body = await buildFeatures('mobilenetv2', { taps: [low, high], outputStride: 16, seed: 1 });
 * ```
 */
export async function buildFeatures(
  id: string,
  options: Omit<FeatureOptions, 'dialect'> & Omit<BackboneOptions, 'inputSize' | 'classes'>,
): Promise<tf.LayersModel> {
  const { taps, inputSize, outputStride, ...chosen } = options;
  const classifier = buildBackbone(id, chosen);
  try {
    const dialect = BACKBONES.find(id)?.features?.dilation;
    if (outputStride !== undefined && outputStride < 32 && !dialect)
      throw new RangeError(`${id} has no dilated form; its output stride is 32. Given ${outputStride}.`);
    return await featureExtractor(classifier, { taps, inputSize, outputStride, dialect });
  } finally {
    classifier.dispose();
  }
}

/**
 * Sets the backbone of a model for dense prediction from the state_dict of a classifier: trained, refocused (with W_r, if the backbone
 * is) or merged. The classifier's head is passed over, and so are layers that the classifier does not have (`backbone.extra`).
 * @throws Error that lists what is missing or does not fit, or where W_r would be lost.
 * @example
 * ```ts
 * import { buildSegmenter } from '@refconv/segmentation';
 * import { torchState } from '@refconv/weights';
 * const segmenter = await buildSegmenter({ backbone: 'mobilenetv1', classes: 11, inputSize: [360, 480] });
 * loadClassifier(segmenter, torchState(classifier)); // the trained body; the head stays as it was drawn
 * ```
 */
export function loadClassifier(model: tf.LayersModel, classifier: TorchState): void {
  const state = torchState(model);
  const lost = [...classifier.keys()].filter(
    (key) => key.endsWith('.convmap.weight') && !state.has(BACKBONE_PREFIX + key),
  );
  if (lost.length) {
    throw new Error(
      `The classifier's weights hold W_r (${lost.join(', ')}), for which ${model.name} has no RefConv layer. Refocus it first, or merge ` +
        'the classifier.',
    );
  }
  for (const key of state.keys()) {
    if (!key.startsWith(BACKBONE_PREFIX) || key.startsWith(`${BACKBONE_PREFIX}extra.`)) continue;
    const given = classifier.get(key.slice(BACKBONE_PREFIX.length));
    if (given) state.set(key, given);
    else state.delete(key);
  }
  loadTorchState(model, state);
}
