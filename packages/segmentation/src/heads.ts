/** The heads of FCN (arXiv 1411.4038) and DeepLabV3 (arXiv 1706.05587), as torchvision's (pytorch/vision, BSD-3-Clause). */
import { channelsOf, type LayerBuilder } from '@refconv/backbones';
import * as tf from '@tensorflow/tfjs';
import { pixelClassifier, resized, sizeOf } from './lraspp.js';

type Tensor = tf.SymbolicTensor;

export interface HeadOptions {
  classes: number;
  /** Whether features are dropped in training. */
  dropout: boolean;
}

/** A convolution, its normalisation and ReLU at the places from `first` on of a Sequential. */
function block(
  layers: LayerBuilder,
  x: Tensor,
  path: string,
  first: number,
  options: { channels: number; kernel?: number; dilation?: number },
) {
  const y = layers.norm(layers.convolution(x, `${path}.${first}`, options), `${path}.${first + 1}`);
  return layers.activation(y, `${path}.${first + 2}`, 'relu');
}

/** torchvision's `FCNHead`: logits of the size of x. */
export function fcn(layers: LayerBuilder, x: Tensor, path: string, { classes, dropout }: HeadOptions): Tensor {
  const y = block(layers, x, path, 0, { channels: Math.floor(channelsOf(x) / 4), kernel: 3 });
  return pixelClassifier(layers, layers.dropout(y, `${path}.3`, dropout ? 0.1 : 0), `${path}.4`, classes);
}

const ASPP_CHANNELS = 256;
const ASPP_DILATIONS = [12, 24, 36];

/** torchvision's `DeepLabHead`: atrous spatial pyramid pooling, a 3×3 convolution, and logits of the size of x. */
export function deeplabv3(layers: LayerBuilder, x: Tensor, path: string, { classes, dropout }: HeadOptions): Tensor {
  const [aspp, channels] = [`${path}.0`, ASPP_CHANNELS];
  const pooled = tf.layers
    .reshape({ targetShape: [1, 1, channelsOf(x)], name: `${aspp}.convs.4.reshape` })
    .apply(layers.globalPool(x, `${aspp}.convs.4.0`)) as Tensor;
  const branches = [
    block(layers, x, `${aspp}.convs.0`, 0, { channels }),
    ...ASPP_DILATIONS.map((dilation, i) =>
      block(layers, x, `${aspp}.convs.${i + 1}`, 0, { channels, kernel: 3, dilation }),
    ),
    resized(block(layers, pooled, `${aspp}.convs.4`, 1, { channels }), sizeOf(x), `${aspp}.convs.4.resize`),
  ];
  let y = block(layers, layers.concatenate(branches, `${aspp}.concatenate`), `${aspp}.project`, 0, { channels });
  y = layers.dropout(y, `${aspp}.project.3`, dropout ? 0.5 : 0);
  return pixelClassifier(layers, block(layers, y, path, 1, { channels, kernel: 3 }), `${path}.4`, classes);
}
