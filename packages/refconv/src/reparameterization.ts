/** What all re-parameterisations have in common: a model's convolutions are exchanged for training, and merged afterwards. */
import type * as tf from '@tensorflow/tfjs';
import { rewrite } from './rewrite.js';

/** The layers of tf.layers that can be exchanged. */
export type PlainClass = 'Conv2D' | 'DepthwiseConv2D';

/** A Conv2D or DepthwiseConv2D of tf.layers. */
export interface ConvolutionLayer extends tf.layers.Layer {
  readonly kernelSize: number[];
  readonly strides: number[];
  readonly useBias: boolean;
}

/** The layer that stands in a convolution's place. Its config is the plain layer's and one key more, `reparameterization`. */
export interface ReparameterizedLayer extends ConvolutionLayer {
  /** The class that it stands in for, and that merging gives back. */
  readonly plainClass: PlainClass;
  /** The kernel, and the bias if merging changes it, with which a plain layer computes the same in evaluation. */
  mergedWeights(): { kernel: tf.Tensor4D; bias?: tf.Tensor1D };
}

/** A method, with its options. */
export interface Reparameterization {
  readonly name: string;
  /** Why the method cannot take a convolution; undefined where it can. */
  refusal(convolution: ConvolutionLayer): string | undefined;
  /**
   * The registered class of the layer in its place, and its options: `config.reparameterization`. Weights of the same name are
   * copied from the plain layer.
   */
  replacement(convolution: ConvolutionLayer): { className: string; options: tf.serialization.ConfigDict };
  /** Sets further weights of the new layer, once those of the plain one have been copied. */
  start?(layer: ReparameterizedLayer): void;
}

/** Chooses convolutions. */
export type Selection = (convolution: ConvolutionLayer) => boolean;

function isConvolution(layer: tf.layers.Layer): layer is ConvolutionLayer {
  return ['Conv2D', 'DepthwiseConv2D'].includes(layer.getClassName());
}

export function isReparameterized(layer: tf.layers.Layer): layer is ReparameterizedLayer {
  return 'mergedWeights' in layer;
}

/** Spatial convolutions: the kernel is larger than 1×1, and its windows overlap (patchifying ones have stride = kernel). */
export const isSpatial: Selection = ({ kernelSize, strides }) =>
  kernelSize.some((size) => size > 1) && kernelSize.some((size, axis) => size !== strides[axis]);

/**
 * A copy of a model whose convolutions are exchanged for a method's layers; names, links and weights stay. The given model is
 * left as it is. Works on any tf.LayersModel: sequential, functional, nested, with shared layers. The copy is not compiled.
 * @param select which convolutions; one that the method cannot take is then an error. Default: the spatial ones that it can take.
 * @throws Error where no convolution is left, or a selected one cannot be taken.
 */
export async function reparameterize(
  model: tf.LayersModel,
  method: Reparameterization,
  select?: Selection,
): Promise<tf.LayersModel> {
  const chosen = (layer: tf.layers.Layer): layer is ConvolutionLayer => {
    if (!isConvolution(layer)) return false;
    const refusal = method.refusal(layer);
    if (!select) return isSpatial(layer) && refusal === undefined;
    if (!select(layer)) return false;
    if (refusal === undefined) return true;
    throw new Error(`${method.name} cannot take the layer ${layer.name}: ${refusal} Leave it out by \`select\`.`);
  };
  const { result, exchanged } = await rewrite(model, (layer, config) => {
    if (!chosen(layer)) return undefined;
    const { className, options } = method.replacement(layer);
    return { className, config: { ...config, reparameterization: options } };
  });
  if (!exchanged.length) {
    result.dispose();
    throw new Error(
      `${model.name} has no convolution for ${method.name}: it takes Conv2D and DepthwiseConv2D layers` +
        `${select ? ' that `select` accepts' : ' with a kernel above 1×1 whose windows overlap'}.`,
    );
  }
  for (const { to } of exchanged) method.start?.(to as ReparameterizedLayer);
  return result;
}

/**
 * The plain model that computes the same in evaluation: the topology that the model had before, with the merged kernels. The given
 * model is left as it is. The result is not compiled, and loads and runs without this package.
 * @throws Error where the model has no re-parameterised layer.
 */
export async function merge(model: tf.LayersModel): Promise<tf.LayersModel> {
  const { result, exchanged } = await rewrite(
    model,
    (layer, { reparameterization: _, ...config }) =>
      isReparameterized(layer) ? { className: layer.plainClass, config } : undefined,
    (layer) => (isReparameterized(layer) ? mergedByName(layer) : {}),
  );
  if (exchanged.length) return result;
  result.dispose();
  throw new Error(`${model.name} has no re-parameterised layer to merge; refocus() makes a model with some.`);
}

function mergedByName(layer: ReparameterizedLayer): Record<string, tf.Tensor> {
  const { kernel, bias } = layer.mergedWeights();
  const name = layer.plainClass === 'Conv2D' ? 'kernel' : 'depthwise_kernel';
  return { [name]: kernel, ...(bias && { bias }) };
}

/** The re-parameterised layers of a model, those of nested models and wrappers too, each once. */
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
