/** Squeeze-and-excitation (arXiv 1709.01507), as torchvision's `SqueezeExcitation` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { type Activation, channelsOf, type LayerBuilder } from './layerBuilder.js';

/**
 * Multiplies each channel of [n, h, w, c] by a number that two 1×1 convolutions with bias make of all channels' means.
 * @param squeezed channels between the two convolutions.
 * @param gate the activation that gives the factors.
 */
export function squeezeExcitation(
  layers: LayerBuilder,
  x: tf.SymbolicTensor,
  path: string,
  { squeezed, activation, gate }: { squeezed: number; activation: Activation; gate: Activation },
): tf.SymbolicTensor {
  const channels = channelsOf(x);
  const asImage = tf.layers.reshape({ targetShape: [1, 1, channels], name: `${path}.reshape` });
  let y = asImage.apply(layers.globalPool(x, `${path}.avgpool`)) as tf.SymbolicTensor;
  y = layers.convolution(y, `${path}.fc1`, { channels: squeezed, bias: true });
  y = layers.activation(y, `${path}.activation`, activation);
  y = layers.convolution(y, `${path}.fc2`, { channels, bias: true });
  y = layers.activation(y, `${path}.scale_activation`, gate);
  return tf.layers.multiply({ name: `${path}.multiply` }).apply([x, y]) as tf.SymbolicTensor;
}
