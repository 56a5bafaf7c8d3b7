/** LR-ASPP (arXiv 1905.02244, section 6.4), as torchvision's `LRASPPHead` (pytorch/vision, BSD-3-Clause). */
import { channelsOf, type LayerBuilder } from '@refconv/backbones';
import { BilinearResize } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

type Tensor = tf.SymbolicTensor;

/** Channels between, at every width of the backbone. */
const CHANNELS = 128;

const sizeOf = ({ shape }: Tensor) => ({ height: shape[1] as number, width: shape[2] as number });

export const resized = (x: Tensor, size: { height: number; width: number }, name: string) =>
  new BilinearResize({ ...size, name }).apply(x) as Tensor;

/** A 1×1 convolution with bias that gives logits; both start as PyTorch's do. */
export function pixelClassifier(layers: LayerBuilder, x: Tensor, name: string, classes: number): Tensor {
  const bound = 1 / Math.sqrt(channelsOf(x));
  const initializers = { kernelInitializer: layers.uniform(bound), biasInitializer: layers.uniform(bound) };
  return tf.layers.conv2d({ filters: classes, kernelSize: 1, ...initializers, name }).apply(x) as Tensor;
}

/**
 * Logits [n, h, w, classes] of the size of `low`, from features [n, h, w, c] at stride 8 and the last ones. Layer names are
 * torchvision's module paths; what is no module of its own there is named beside them.
 */
export function lraspp(layers: LayerBuilder, { low, high }: { low: Tensor; high: Tensor }, classes: number): Tensor {
  const path = 'classifier';
  let x = layers.norm(layers.convolution(high, `${path}.cbr.0`, { channels: CHANNELS }), `${path}.cbr.1`);
  x = layers.activation(x, `${path}.cbr.2`, 'relu');
  const asImage = tf.layers.reshape({ targetShape: [1, 1, channelsOf(high)], name: `${path}.scale.reshape` });
  let scale = asImage.apply(layers.globalPool(high, `${path}.scale.0`)) as Tensor;
  scale = layers.convolution(scale, `${path}.scale.1`, { channels: CHANNELS });
  scale = layers.activation(scale, `${path}.scale.2`, 'sigmoid');
  x = tf.layers.multiply({ name: `${path}.multiply` }).apply([x, scale]) as Tensor;
  x = resized(x, sizeOf(low), `${path}.resize`);
  return layers.add(
    pixelClassifier(layers, low, `${path}.low_classifier`, classes),
    pixelClassifier(layers, x, `${path}.high_classifier`, classes),
    `${path}.add`,
  );
}
