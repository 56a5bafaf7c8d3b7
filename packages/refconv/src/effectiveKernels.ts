/** The kernels that a model convolves with, whatever weights they are computed from. */
import * as tf from '@tensorflow/tfjs';
import { isConvolution, plainKernel } from './convolution.js';
import { isReparameterized } from './method.js';
import { isSpatial } from './reparameterization.js';

export interface EffectiveKernel {
  /** Of the layer. */
  name: string;
  /** A copy of its numbers as they are now: the kernel of a plain layer, or what merging would give. */
  read(): Float32Array;
}

/**
 * Those of all spatial convolutions, plain or re-parameterised, those of nested models and wrappers too, each once.
 * @example
 * ```ts
 * for (const { name, read } of effectiveKernels(refocused)) console.log(name, read().length);
 * ```
 */
export function effectiveKernels(model: tf.LayersModel): EffectiveKernel[] {
  const found = new Map<tf.layers.Layer, () => tf.Tensor>();
  const visit = (layer: tf.layers.Layer) => {
    if (isReparameterized(layer)) found.set(layer, () => layer.block.merged().kernel);
    else if (isConvolution(layer) && isSpatial(layer)) found.set(layer, () => plainKernel(layer).read());
    const { layers = [], layer: wrapped } = layer as Partial<tf.LayersModel> & { layer?: tf.layers.Layer };
    for (const inner of wrapped ? [...layers, wrapped] : layers) visit(inner);
  };
  visit(model);
  return Array.from(found, ([{ name }, kernel]) => ({
    name,
    read: () => {
      let values = new Float32Array();
      tf.tidy(() => {
        values = Float32Array.from(kernel().dataSync());
      });
      return values;
    },
  }));
}
