/** Exchanges a model's convolutions for a method's layers, and merges them afterwards. */
import * as tf from '@tensorflow/tfjs';
import {
  type Convolution,
  type ConvolutionLayer,
  convolutionOf,
  isConvolution,
  NO_ZEROS,
  PLAIN,
  PLAIN_CLASSES,
  plainKernel,
  type Zeros,
} from './convolution.js';
import { isReparameterized, type Reparameterization, type ReparameterizedLayer } from './method.js';
import { type Neighbours, rewrite } from './rewrite.js';

/** Chooses convolutions. */
export type Selection = (convolution: ConvolutionLayer) => boolean;

export interface ReparameterizeOptions {
  /** Which convolutions; one that the method cannot take is then an error. Default: the spatial ones that it can take. */
  select?: Selection;
  /**
   * Where the blocks start: as the trained model, or from scratch with the initial values of the method's official code. Methods with
   * one kernel take the model's own in both cases. Default: 'pretrained'.
   */
  start?: 'pretrained' | 'scratch';
  /**
   * What a structural method does where no batch norm follows a convolution alone: refuse the model, or take the convolution, and give
   * the merged one a bias if it had none. Default: 'refuse'.
   */
  withoutBatchNorm?: 'refuse' | 'bias';
  /**
   * Of all that the method draws: an integer from 0 to 2^53 − 1; each layer and weight has numbers of its own. The layers do not save it.
   * Default: 0.
   */
  seed?: number;
  /** Told of the convolutions with a kernel above 1×1 that stay as they are, where there are some. */
  onLeft?: (layers: readonly LeftLayer[]) => void;
}

/** A convolution that a method leaves as it is. */
export interface LeftLayer {
  name: string;
  reason: string;
}

/**
 * Spatial convolutions: the kernel is larger than 1×1, and its windows overlap (patchifying ones have stride = kernel).
 * @example
 * ```ts
 * const refocused = await refocus(model, { select: (layer) => isSpatial(layer) && layer.name !== 'conv_stem' });
 * ```
 */
export const isSpatial: Selection = ({ kernelSize, strides }) =>
  isLarge(kernelSize) && kernelSize.some((size, axis) => size !== strides[axis]);

const isLarge = (kernelSize: readonly number[] | undefined) => kernelSize?.some((size) => size > 1) ?? false;

/** Why a layer that was not chosen stays, if it is a convolution at all, and not of 1×1. */
function unchosen(layer: tf.layers.Layer, selected: boolean): LeftLayer | undefined {
  const { name } = layer;
  if (isReparameterized(layer) || !isLarge((layer as Partial<ConvolutionLayer>).kernelSize)) return undefined;
  if (!isConvolution(layer)) return { name, reason: `no method takes a ${layer.getClassName()}` };
  return { name, reason: selected ? 'not selected' : 'its windows do not overlap' };
}

/** Stands in the place of a batch norm that a block before it has taken over, and keeps its config. */
class AbsorbedBatchNorm extends tf.layers.Layer {
  static className = 'AbsorbedBatchNorm';
  readonly batchNorm: tf.serialization.ConfigDict;

  constructor(args: ConstructorParameters<typeof tf.layers.Layer>[0] & { batchNorm: tf.serialization.ConfigDict }) {
    super(args);
    this.batchNorm = args.batchNorm;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), batchNorm: this.batchNorm };
  }
}
tf.serialization.registerClass(AbsorbedBatchNorm);

/** The zeros that a layer puts around the images of a convolution that does not pad by itself. */
function zerosAround({ padding }: ConvolutionLayer, before: tf.layers.Layer | undefined): Zeros {
  const padded = padding === 'valid' && before?.getClassName() === 'ZeroPadding2D';
  return padded ? (before.getConfig().padding as Zeros) : NO_ZEROS;
}

/** The batch norm that a structural method can take over: the one that reads the convolution's output, which nothing else reads. */
function batchNormAfter(layer: ConvolutionLayer, after: tf.layers.Layer | undefined): tf.layers.Layer | undefined {
  const linear = !layer.activation || layer.activation.getClassName() === 'linear';
  if (!linear || after?.getClassName() !== 'BatchNormalization') return undefined;
  const { axis } = after as tf.layers.Layer & { axis: number };
  return [-1, 3].includes(axis) ? after : undefined;
}

/** A method's questions of one convolution, and the answers. */
interface Candidate {
  convolution: Convolution;
  batchNorm?: tf.layers.Layer;
  refusal?: string;
  /** Refused only for want of a batch norm. */
  bare?: boolean;
}

interface Refused {
  name: string;
  reason: string;
  bare?: boolean;
}

function candidate(
  layer: ConvolutionLayer,
  { before, after }: Neighbours,
  method: Reparameterization,
  withoutBatchNorm: 'refuse' | 'bias',
): Candidate {
  const convolution = convolutionOf(layer, plainKernel(layer).read(), zerosAround(layer, before));
  if (!method.structural) return { convolution, refusal: method.refusal(convolution) };
  const refusal = layer.dataFormat === 'channelsFirst' ? 'its images are channelsFirst.' : method.refusal(convolution);
  if (refusal) return { convolution, refusal };
  const batchNorm = batchNormAfter(layer, after);
  if (batchNorm || withoutBatchNorm === 'bias') return { convolution, batchNorm };
  return {
    convolution,
    bare: true,
    refusal: 'no batch norm reads its output, alone and without an activation between.',
  };
}

/**
 * A copy of a model whose convolutions are exchanged for a method's layers; names, links and weights stay. The given model is
 * left as it is. Works on any tf.LayersModel: sequential, functional, nested, with shared layers. The copy is not compiled.
 *
 * A structural method takes a convolution together with the batch norm that alone reads its output.
 * @throws Error where no convolution is left, a selected one cannot be taken, or one has no such batch norm.
 * @example
 * ```ts
 * const model = await reparameterize(plain, acb({ gamma: 1 / 3 }), { start: 'scratch', seed: 1 });
 * ```
 */
export async function reparameterize(
  model: tf.LayersModel,
  method: Reparameterization,
  options: ReparameterizeOptions = {},
): Promise<tf.LayersModel> {
  const { select, start = 'pretrained', withoutBatchNorm = 'refuse', seed = 0, onLeft } = options;
  checkChoice('start', start, ['pretrained', 'scratch']);
  checkChoice('withoutBatchNorm', withoutBatchNorm, ['refuse', 'bias']);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`seed must be an integer from 0 to 2^53 − 1; given ${seed}.`);
  const absorbed = new Map<tf.layers.Layer, ConvolutionLayer>();
  const refused: Refused[] = [];
  const others: LeftLayer[] = [];
  const seen: string[] = [];

  const { result, exchanged } = await rewrite(model, (layer, config, neighbours) => {
    if (absorbed.has(layer)) {
      const { name, trainable } = config;
      return { className: AbsorbedBatchNorm.className, config: { name, trainable, batch_norm: config } };
    }
    if (isConvolution(layer)) seen.push(layer.name);
    if (!isConvolution(layer) || !(select ?? isSpatial)(layer)) {
      const left = unchosen(layer, select !== undefined);
      if (left) others.push(left);
      return undefined;
    }
    const { convolution, batchNorm, refusal, bare } = candidate(layer, neighbours, method, withoutBatchNorm);
    if (refusal !== undefined) {
      refused.push({ name: layer.name, reason: refusal, bare });
      return undefined;
    }
    if (batchNorm) absorbed.set(batchNorm, layer);
    const { className, options } = method.replacement(convolution);
    const surroundings = {
      ...(convolution.zeros.flat().some((count) => count > 0) && { zeros: convolution.zeros }),
      ...(method.structural && !batchNorm && !layer.useBias && { adds_bias: true }),
    };
    return {
      className,
      config: { ...config, seed, reparameterization: options, ...(method.structural && { surroundings }) },
    };
  });

  try {
    const wrong = refused.filter(({ bare }) => select || bare);
    if (wrong.length) throw new Error(refusalOf(method.name, wrong));
    if (!exchanged.length) throw new Error(nothingTaken(model, method.name, select && seen, refused));
    const batchNorms = new Map([...absorbed].map(([batchNorm, layer]) => [layer, batchNorm]));
    for (const { from, to } of exchanged) {
      if (!isReparameterized(to)) continue;
      const convolution = from as ConvolutionLayer;
      const trained = { convolution, batchNorm: batchNorms.get(convolution) };
      await method.start(to, start === 'pretrained' ? trained : undefined);
    }
    const left = [...others, ...refused.map(({ name, reason }) => ({ name, reason: reason.replace(/\.$/, '') }))];
    if (left.length > 0) onLeft?.(left);
  } catch (error) {
    result.dispose();
    throw error;
  }
  return result;
}

function checkChoice(name: string, given: string, known: string[]): void {
  if (!known.includes(given))
    throw new RangeError(`${name} must be ${known.map((choice) => `'${choice}'`).join(' or ')}; given '${given}'.`);
}

function refusalOf(method: string, [first, ...others]: Refused[]): string {
  const { name, reason, bare } = first as Refused;
  const remedy = bare
    ? "Leave it out by `select`, or let merged convolutions have a bias: `withoutBatchNorm: 'bias'`."
    : 'Leave it out by `select`.';
  const more = others.length ? ` Nor can it take ${others.map((other) => other.name).join(', ')}.` : '';
  return `${method} cannot take the layer ${name}: ${reason} ${remedy}${more}`;
}

/** @param convolutions the names of those that there are, where a selection took none of them. */
function nothingTaken(
  model: tf.LayersModel,
  method: string,
  convolutions: readonly string[] | undefined,
  refused: Refused[],
): string {
  const which = convolutions ? ' that `select` accepts' : ' with a kernel above 1×1 whose windows overlap';
  const there = convolutions?.length ? ` There are ${listed(convolutions)}.` : '';
  const [first] = refused;
  const already = reparameterizedLayers(model).length > 0;
  return (
    `${model.name} has no convolution for ${method}: it takes ${PLAIN_CLASSES.join(', ')} layers${which}.${there}` +
    `${first ? ` It cannot take ${first.name}: ${first.reason}` : ''}` +
    `${already ? ' It is re-parameterised already: train it as it is, or merge() the model first.' : ''}`
  );
}

/** The first of many names, and how many more there are. */
function listed(names: readonly string[], shown = 8): string {
  const more = names.length - shown;
  return `${names.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/**
 * The plain model that computes the same in evaluation: the topology that the model had before, batch norms included, with the merged
 * kernels. The given model is left as it is. The result is not compiled, and loads and runs without this package.
 * @throws Error where the model has no re-parameterised layer.
 * @example
 * ```ts
 * const merged = await merge(refocused); // the architecture from before, with the kernels W_t
 * await merged.save('localstorage://merged');
 * ```
 */
export async function merge(model: tf.LayersModel): Promise<tf.LayersModel> {
  /** The blocks by the batch norms that they absorbed. */
  const blocks = new Map<tf.layers.Layer, ReparameterizedLayer>();
  const { result, exchanged } = await rewrite(
    model,
    (layer, { reparameterization: _, surroundings, batch_norm: batchNorm, ...config }, { before }) => {
      if (layer instanceof AbsorbedBatchNorm) {
        blocks.set(layer, before as ReparameterizedLayer);
        return { className: 'BatchNormalization', config: batchNorm as Record<string, unknown> };
      }
      if (!isReparameterized(layer)) return undefined;
      const addsBias = (surroundings as { adds_bias?: boolean } | undefined)?.adds_bias;
      return { className: layer.plainClass, config: { ...config, ...(addsBias && { use_bias: true }) } };
    },
    (layer) => {
      const block = blocks.get(layer);
      if (block) return neutralBatchNorm(layer as AbsorbedBatchNorm, block);
      return isReparameterized(layer) ? mergedByName(layer, [...blocks.values()].includes(layer)) : {};
    },
  );
  if (exchanged.length) return result;
  result.dispose();
  throw new Error(`${model.name} has no re-parameterised layer to merge; reparameterize() makes a model with some.`);
}

/** Weights of the plain layer, by name; where a batch norm follows, the merged bias goes there. */
function mergedByName(layer: ReparameterizedLayer, hasBatchNorm: boolean): Record<string, tf.Tensor> {
  const { kernel, bias } = layer.mergedWeights();
  const named = { [PLAIN[layer.plainClass].weight]: kernel };
  if (!bias) return named;
  if (!hasBatchNorm) return { ...named, bias };
  const none = layer.useBias && { bias: tf.zerosLike(bias) };
  bias.dispose();
  return { ...named, ...none };
}

/** Weights of a batch norm that does nothing but add the block's bias. */
function neutralBatchNorm({ batchNorm }: AbsorbedBatchNorm, block: ReparameterizedLayer): Record<string, tf.Tensor> {
  const { epsilon, scale, center } = batchNorm as { epsilon: number; scale: boolean; center: boolean };
  return tf.tidy(() => {
    const { bias } = block.mergedWeights() as { bias: tf.Tensor1D };
    const filled = (value: number) => tf.fill(bias.shape, value);
    return {
      moving_mean: center ? tf.zerosLike(bias) : tf.neg(bias),
      moving_variance: filled(scale ? 1 : 1 - epsilon),
      ...(scale && { gamma: filled(Math.sqrt(1 + epsilon)) }),
      ...(center && { beta: tf.clone(bias) }),
    };
  });
}

/**
 * The re-parameterised layers of a model, those of nested models and wrappers too, each once.
 * @example
 * ```ts
 * const names = reparameterizedLayers(refocused).map(({ name }) => name);
 * ```
 */
export function reparameterizedLayers(model: tf.LayersModel): ReparameterizedLayer[] {
  const found = new Set<ReparameterizedLayer>();
  const visit = (layer: tf.layers.Layer) => {
    if (isReparameterized(layer)) found.add(layer);
    const { layers = [], layer: wrapped } = layer as Partial<tf.LayersModel> & { layer?: tf.layers.Layer };
    layers.forEach(visit);
    if (wrapped) visit(wrapped);
  };
  visit(model);
  return [...found];
}
