/**
 * MobileNetV3 (arXiv 1905.02244), as RefConv's own scripts have it (Aiolus-X/RefConv, `ImageNet-MobileNetv3-Baseline.py`, MIT; the same
 * network as kuan-wang/pytorch-mobilenet-v3, Apache-2.0). torchvision's is another: mobilenetv3_torchvision.ts.
 */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import {
  type Activation,
  type CommonOptions,
  channelsOf,
  checkRate,
  checkWidth,
  LayerBuilder,
  resolveVariant,
  torchDefault,
} from './layerBuilder.js';

export interface MobileNetV3Block {
  /** Of the depthwise convolution. */
  kernel: 3 | 5;
  /** Channels within the block. */
  expanded: number;
  /** Output channels. */
  channels: number;
  /** Whether it has squeeze-and-excitation. */
  excites: boolean;
  activation: Activation;
  stride: 1 | 2;
  /** In the variant for 32×32 images, where it is another. */
  cifarStride?: 1;
}

/** The paper's tables 1 and 2, and the number of channels that the 1×1 convolution after the blocks gives. */
export const SIZES: Record<'small' | 'large', { blocks: MobileNetV3Block[]; lastChannels: number }> = {
  small: {
    blocks: [
      { kernel: 3, expanded: 16, channels: 16, excites: true, activation: 'relu', stride: 2, cifarStride: 1 },
      { kernel: 3, expanded: 72, channels: 24, excites: false, activation: 'relu', stride: 2 },
      { kernel: 3, expanded: 88, channels: 24, excites: false, activation: 'relu', stride: 1 },
      { kernel: 5, expanded: 96, channels: 40, excites: true, activation: 'hardSwish', stride: 2 },
      { kernel: 5, expanded: 240, channels: 40, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 240, channels: 40, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 120, channels: 48, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 144, channels: 48, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 288, channels: 96, excites: true, activation: 'hardSwish', stride: 2 },
      { kernel: 5, expanded: 576, channels: 96, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 576, channels: 96, excites: true, activation: 'hardSwish', stride: 1 },
    ],
    lastChannels: 576,
  },
  large: {
    blocks: [
      { kernel: 3, expanded: 16, channels: 16, excites: false, activation: 'relu', stride: 1 },
      { kernel: 3, expanded: 64, channels: 24, excites: false, activation: 'relu', stride: 2, cifarStride: 1 },
      { kernel: 3, expanded: 72, channels: 24, excites: false, activation: 'relu', stride: 1 },
      { kernel: 5, expanded: 72, channels: 40, excites: true, activation: 'relu', stride: 2 },
      { kernel: 5, expanded: 120, channels: 40, excites: true, activation: 'relu', stride: 1 },
      { kernel: 5, expanded: 120, channels: 40, excites: true, activation: 'relu', stride: 1 },
      { kernel: 3, expanded: 240, channels: 80, excites: false, activation: 'hardSwish', stride: 2 },
      { kernel: 3, expanded: 200, channels: 80, excites: false, activation: 'hardSwish', stride: 1 },
      { kernel: 3, expanded: 184, channels: 80, excites: false, activation: 'hardSwish', stride: 1 },
      { kernel: 3, expanded: 184, channels: 80, excites: false, activation: 'hardSwish', stride: 1 },
      { kernel: 3, expanded: 480, channels: 112, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 3, expanded: 672, channels: 112, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 672, channels: 160, excites: true, activation: 'hardSwish', stride: 2 },
      { kernel: 5, expanded: 960, channels: 160, excites: true, activation: 'hardSwish', stride: 1 },
      { kernel: 5, expanded: 960, channels: 160, excites: true, activation: 'hardSwish', stride: 1 },
    ],
    lastChannels: 960,
  },
};

export const STEM_CHANNELS = 16;
const HEAD_CHANNELS = 1280;

/** With `cifar`, as with MobileNetV2's, the stem and the first stride of the blocks are 1, and nothing is dropped. */
const VARIANTS = {
  imagenet: { stemStride: 2, dropout: 0.8, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, dropout: 0, inputSize: 32, classes: 10 },
};

export interface MobileNetV3Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on channel numbers, rounded up to multiples of 8; the stem's 16 stay, the head's 1280 never become fewer. Default: 1. */
  width?: number;
  /** Share of the features dropped before the classifier in training; 0 leaves the layer out. Default: 0.8, for cifar 0. */
  dropout?: number;
}

/**
 * Builds MobileNetV3: images [n, size, size, 3] to logits [n, classes]. Layer names are the script's module paths; what is no
 * module of its own there is named beside them (`features.4.add`, `….pad`, `….reshape`, `….multiply`).
 * @throws RangeError where the width or the sizes are not positive, or dropout is not in [0, 1).
 * @example
 * ```ts
 * const model = mobilenetv3('small', { variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function mobilenetv3(size: keyof typeof SIZES, options: MobileNetV3Options = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, seed = 0 } = options;
  const name = `mobilenetv3_${size}`;
  const { classes, inputSize, stemStride, ...preset } = resolveVariant(name, VARIANTS, variant, options);
  const { dropout = preset.dropout } = options;
  checkWidth(width);
  checkRate('dropout', dropout);
  const scaled = (channels: number) => Math.ceil((channels * width) / 8) * 8;
  // The script leaves PyTorch's own initialisation; kuan-wang's has another.
  const layers = new LayerBuilder(seed, torchDefault);
  const linear = (x: tf.SymbolicTensor, path: string, units: number, useBias: boolean) => {
    const bound = 1 / Math.sqrt(channelsOf(x));
    const initializers = { kernelInitializer: layers.uniform(bound), biasInitializer: layers.uniform(bound) };
    return tf.layers.dense({ units, useBias, ...initializers, name: path }).apply(x) as tf.SymbolicTensor;
  };
  const reshape = (x: tf.SymbolicTensor, path: string) =>
    tf.layers.reshape({ targetShape: [1, 1, channelsOf(x)], name: path }).apply(x) as tf.SymbolicTensor;
  const excite = (x: tf.SymbolicTensor, path: string) => {
    let y = linear(layers.globalPool(x, `${path}.avg_pool`), `${path}.fc.0`, Math.floor(channelsOf(x) / 4), false);
    y = linear(layers.activation(y, `${path}.fc.1`, 'relu'), `${path}.fc.2`, channelsOf(x), false);
    y = reshape(layers.activation(y, `${path}.fc.3`, 'hardSigmoid'), `${path}.reshape`);
    return tf.layers.multiply({ name: `${path}.multiply` }).apply([x, y]) as tf.SymbolicTensor;
  };

  const { blocks, lastChannels } = SIZES[size];
  const input = layers.input(inputSize);
  let x = layers.convolution(input, 'features.0.0', { channels: STEM_CHANNELS, kernel: 3, stride: stemStride });
  x = layers.activation(layers.norm(x, 'features.0.1'), 'features.0.2', 'hardSwish');

  let feature = 1;
  for (const { kernel, expanded, channels, excites, activation, ...strides } of blocks) {
    const path = `features.${feature++}`;
    const stride = (variant === 'cifar' && strides.cifarStride) || strides.stride;
    const from = x;
    x = layers.convolution(x, `${path}.conv.0`, { channels: scaled(expanded) });
    x = layers.activation(layers.norm(x, `${path}.conv.1`), `${path}.conv.2`, activation);
    x = layers.norm(layers.depthwise(x, `${path}.conv.3`, { kernel, stride }), `${path}.conv.4`);
    if (excites) x = excite(x, `${path}.conv.5`);
    x = layers.activation(x, `${path}.conv.6`, activation);
    x = layers.norm(layers.convolution(x, `${path}.conv.7`, { channels: scaled(channels) }), `${path}.conv.8`);
    if (stride === 1 && channelsOf(from) === channelsOf(x)) x = layers.add(from, x, `${path}.add`);
  }

  x = layers.convolution(x, `features.${feature}.0`, { channels: scaled(lastChannels) });
  x = layers.activation(layers.norm(x, `features.${feature}.1`), `features.${feature}.2`, 'hardSwish');
  x = reshape(layers.globalPool(x, `features.${feature + 1}`), `features.${feature + 1}.reshape`);
  const bound = 1 / Math.sqrt(channelsOf(x));
  const head = tf.layers.conv2d({
    filters: width > 1 ? scaled(HEAD_CHANNELS) : HEAD_CHANNELS,
    kernelSize: 1,
    kernelInitializer: layers.uniform(bound),
    biasInitializer: layers.uniform(bound),
    name: `features.${feature + 2}`,
  });
  x = layers.activation(head.apply(x) as tf.SymbolicTensor, `features.${feature + 3}`, 'hardSwish');
  x = tf.layers.flatten({ name: 'flatten' }).apply(x) as tf.SymbolicTensor;
  const logits = linear(layers.dropout(x, 'classifier.0', dropout), 'classifier.1', classes, true);
  return tf.model({ inputs: input, outputs: logits, name });
}

/** Which convolutions RefConv takes. */
export const MOBILENETV3_REFCONV =
  'The stem and the depthwise 3×3 and 5×5 convolutions: all but the 1×1 ones, which have no spatial kernel.';

const COMMON = {
  family: 'MobileNetV3',
  licence: 'MIT',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width', 'dropout'],
  refconv: MOBILENETV3_REFCONV,
} as const;

export const MOBILENETV3_SMALL: Backbone = {
  ...COMMON,
  build: (options) => mobilenetv3('small', options),
  reference: "Aiolus-X/RefConv ImageNet-MobileNetv3-Baseline.py, mode='small'",
  sizes: {
    imagenet: { parameters: 2_938_368, macs: 60_119_520, basis: 59_016, map: 8_273_520 },
    cifar: {
      parameters: 1_670_178,
      macs: 17_913_888,
      outputs: { 'features.0.0': [32, 32, 16], 'features.2.conv.8': [16, 16, 24], 'features.12.0': [4, 4, 576] },
    },
  },
  signature: { tensors: [197], stem: 'features.0.0', head: 'classifier.1' },
  published: [
    {
      weights: 'mobilenetv3_small_67.4.pth.tar',
      top1: 67.4,
      source: 'kuan-wang/pytorch-mobilenet-v3, README',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
};

export const MOBILENETV3_LARGE: Backbone = {
  ...COMMON,
  build: (options) => mobilenetv3('large', options),
  reference: "Aiolus-X/RefConv ImageNet-MobileNetv3-Baseline.py, mode='large'",
  sizes: {
    imagenet: { parameters: 5_476_416, macs: 219_799_200, basis: 92_040, map: 28_670_832 },
    cifar: {
      parameters: 4_208_226,
      macs: 66_719_328,
      outputs: { 'features.2.conv.8': [32, 32, 24], 'features.4.conv.8': [16, 16, 40], 'features.16.0': [4, 4, 960] },
    },
  },
  signature: { tensors: [255], stem: 'features.0.0', head: 'classifier.1' },
  published: [
    {
      weights: 'none; trained by kuan-wang',
      top1: 72.8,
      source: 'kuan-wang/pytorch-mobilenet-v3, README',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
};
