/** SSDLite's extra feature maps and heads (arXiv 1801.04381, section 6.2), as torchvision's `ssdlite` (pytorch/vision, BSD-3-Clause). */
import type { LayerBuilder } from '@refconv/backbones';
import * as tf from '@tensorflow/tfjs';
import { ANCHORS_PER_PLACE } from './anchors.js';

type Tensor = tf.SymbolicTensor;

/** Channels of the maps behind the backbone's. */
const EXTRA_CHANNELS = [512, 256, 256, 128];
const LEAST_CHANNELS = 16;

const BATCH_NORM = { epsilon: 1e-3, momentum: 0.03 };

const HEADS = { logits: 'head.classification_head', boxes: 'head.regression_head' } as const;

/** The layer of a head whose output has the map's height and width. */
export const headLayer = (head: keyof typeof HEADS, map: number) => `${HEADS[head]}.module_list.${map}.1`;

/**
 * The backbone's maps and four more, each of half the size of the one before, rounded up.
 * @param width factor on the channels of the extra maps.
 */
export function featureMaps(layers: LayerBuilder, taps: readonly Tensor[], width: number): Tensor[] {
  const maps = [...taps];
  for (const [i, fullChannels] of EXTRA_CHANNELS.entries()) {
    const channels = Math.max(LEAST_CHANNELS, Math.trunc(fullChannels * width));
    const path = `backbone.extra.${i}`;
    let x = maps.at(-1) as Tensor;
    x = normed(layers, layers.convolution(x, `${path}.0.0`, { channels: Math.trunc(channels / 2) }), `${path}.0`);
    x = normed(layers, layers.depthwise(x, `${path}.1.0`, { kernel: 3, stride: 2 }), `${path}.1`);
    x = normed(layers, layers.convolution(x, `${path}.2.0`, { channels }), `${path}.2`);
    maps.push(x);
  }
  return maps;
}

/** What a head says of every anchor, [n, anchors, values], in the order map, row, column, anchor. */
export function headOf(
  layers: LayerBuilder,
  maps: readonly Tensor[],
  head: keyof typeof HEADS,
  values: number,
): Tensor {
  const path = HEADS[head];
  const parts = maps.map((map, i) => {
    const name = `${path}.module_list.${i}`;
    let x = normed(layers, layers.depthwise(map, `${name}.0.0`, { kernel: 3 }), `${name}.0`);
    x = layers.convolution(x, headLayer(head, i), { channels: ANCHORS_PER_PLACE * values, bias: true });
    const [, height, width] = x.shape as [null, number, number];
    const targetShape = [height * width * ANCHORS_PER_PLACE, values];
    return tf.layers.reshape({ targetShape, name: `${name}.reshape` }).apply(x) as Tensor;
  });
  return tf.layers.concatenate({ axis: 1, name: `${path}.concatenate` }).apply(parts) as Tensor;
}

/** torchvision's Conv2dNormActivation behind its convolution. */
function normed(layers: LayerBuilder, x: Tensor, path: string): Tensor {
  return layers.activation(layers.norm(x, `${path}.1`, BATCH_NORM), `${path}.2`, 'relu6');
}
