/** RefConv as a re-parameterisation of whole models. */
import type * as tf from '@tensorflow/tfjs';
import { completeOptions, isRefConv, mapRefusal, type RefConvLayer, type RefConvLayerOptions } from './layers.js';
import { fromOfficialConvmap, toOfficialConvmap } from './map.js';
import {
  type Reparameterization,
  reparameterize,
  reparameterizedLayers,
  type Selection,
} from './reparameterization.js';

export interface RefConvOptions extends RefConvLayerOptions {
  /** What W_b starts from: the model's kernels, or ones drawn by the layers' own initialisers. Default: 'pretrained'. */
  basis?: 'pretrained' | 'random';
  /** Seed of W_r, and of a random basis; each layer draws other numbers. Default: 0. */
  seed?: number;
}

export interface RefocusOptions extends RefConvOptions {
  /** Which Conv2D and DepthwiseConv2D layers. Default: kernels above 1×1, not below the map's, whose windows overlap. */
  select?: Selection;
}

/** A layer's own seed: the 32-bit FNV-1a hash of its name, from the seed given. */
function layerSeed(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193);
  return hash >>> 0;
}

/** The method with its options. @throws RangeError for what is no option's value. */
export function refconv(options: RefConvOptions = {}): Reparameterization {
  const { basis = 'pretrained' } = options;
  const layerOptions = completeOptions(options);
  if (!['pretrained', 'random'].includes(basis)) {
    throw new RangeError(`basis must be 'pretrained' or 'random'; given '${basis}'.`);
  }
  return {
    name: 'RefConv',
    refusal: ({ kernelSize }) => mapRefusal(layerOptions.mapKernel, kernelSize),
    replacement: (convolution) => ({
      className: convolution.getClassName() === 'Conv2D' ? 'RefConv2D' : 'RefDepthwiseConv2D',
      options: { ...layerOptions, seed: layerSeed(layerOptions.seed, convolution.name) },
    }),
    start: (layer) => {
      // Another seed than that of W_r, which would make them alike.
      if (basis === 'random') (layer as RefConvLayer).drawBasis(layerSeed(layerOptions.seed, `${layer.name}/basis`));
    },
  };
}

/**
 * A copy of a model with RefConv layers in the place of its spatial convolutions, over frozen copies of their kernels; the given model
 * stays as it is. See {@link reparameterize}.
 */
export async function refocus(model: tf.LayersModel, options: RefocusOptions = {}): Promise<tf.LayersModel> {
  return reparameterize(model, refconv(options), options.select);
}

/** The RefConv layers of a model, those of nested models too, each once. */
export function refconvLayers(model: tf.LayersModel): RefConvLayer[] {
  return reparameterizedLayers(model).filter(isRefConv);
}

/** How many numbers the bases and the maps of a model hold. W_r has k²·Cin·Cout a layer, whatever its groups. */
export function refconvParameters(model: tf.LayersModel): { basis: number; map: number } {
  const layers = refconvLayers(model);
  const sum = (weight: 'basis' | 'convmap') => layers.reduce((total, layer) => total + layer[weight].read().size, 0);
  return { basis: sum('basis'), map: sum('convmap') };
}

/** W_r in the official code's shape, (Cout·Cin/g, g, k, k): the value of `<layer name>.convmap.weight` in weight files. */
export function officialConvmap(layer: RefConvLayer): tf.Tensor4D {
  return toOfficialConvmap(layer.convmap.read(), layer.layout);
}

/**
 * Sets W_r from the official code's shape; the tensor remains the caller's.
 * @throws RangeError where the shape is another.
 */
export function setOfficialConvmap(layer: RefConvLayer, official: tf.Tensor4D): void {
  const convmap = layer.convmap.read();
  const value = fromOfficialConvmap(official, convmap.shape, layer.layout);
  layer.convmap.write(value);
  value.dispose();
}
