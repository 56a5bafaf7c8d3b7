/** MobileNetV3 (arXiv 1905.02244), as torchvision's `mobilenet_v3_small` and `_large` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import {
  type Activation,
  type CommonOptions,
  channelsOf,
  checkRate,
  checkWidth,
  fanOut,
  LayerBuilder,
  resolveVariant,
  toMultipleOf8,
} from './layerBuilder.js';
import { MOBILENETV3_REFCONV, type MobileNetV3Block, SIZES, STEM_CHANNELS } from './mobilenetv3.js';
import { squeezeExcitation } from './squeezeExcitation.js';

const HEAD_CHANNELS = { small: 1024, large: 1280 };

const BATCH_NORM = { epsilon: 1e-3, momentum: 0.01 };

/** With `cifar`, as with MobileNetV2's, the stem and the first stride of the blocks are 1, and nothing is dropped. */
const VARIANTS = {
  imagenet: { stemStride: 2, dropout: 0.2, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, dropout: 0, inputSize: 32, classes: 10 },
};

export interface MobileNetV3TorchvisionOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded to multiples of 8. Default: 1. */
  width?: number;
  /** Share of the features dropped before the classifier in training; 0 leaves the layer out. Default: 0.2, for cifar 0. */
  dropout?: number;
  /** Half the channels from the last stride on, as torchvision has it for detection (`reduced_tail`). Default: false. */
  reducedTail?: boolean;
}

/**
 * Builds MobileNetV3: images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths; what is no
 * module of its own there is named beside them (`features.4.add`, `….pad`, `….reshape`, `….multiply`).
 *
 * Against {@link mobilenetv3} it excites after the activation, expands only where channels are added, and differs in head,
 * batch-norm constants and initialisation.
 * @throws RangeError where the width or the sizes are not positive, or dropout is not in [0, 1).
 * @example
 * ```ts
 * const model = mobilenetv3Torchvision('large'); // for torchvision's weights
 * ```
 */
export function mobilenetv3Torchvision(
  size: keyof typeof SIZES,
  options: MobileNetV3TorchvisionOptions = {},
): tf.LayersModel {
  const { variant = 'imagenet', width = 1, reducedTail = false, seed = 0 } = options;
  const name = `mobilenetv3_${size}_torchvision`;
  const { classes, inputSize, stemStride, ...preset } = resolveVariant(name, VARIANTS, variant, options);
  const { dropout = preset.dropout } = options;
  checkWidth(width);
  checkRate('dropout', dropout);
  const scaled = (channels: number) => toMultipleOf8(channels * width);
  const layers = new LayerBuilder(seed, fanOut);
  const linear = (x: tf.SymbolicTensor, path: string, units: number) =>
    tf.layers.dense({ units, kernelInitializer: layers.normal(0.01), name: path }).apply(x) as tf.SymbolicTensor;
  /** torchvision's Conv2dNormActivation: normalisation and activation follow at the paths' ends 1 and 2. */
  const finish = (x: tf.SymbolicTensor, path: string, activation: Activation) =>
    layers.activation(layers.norm(x, `${path}.1`, BATCH_NORM), `${path}.2`, activation);

  const input = layers.input(inputSize);
  const stem = { channels: scaled(STEM_CHANNELS), kernel: 3, stride: stemStride };
  let x = finish(layers.convolution(input, 'features.0.0', stem), 'features.0', 'hardSwish');

  let feature = 1;
  const { blocks } = SIZES[size];
  for (const { kernel, expanded, channels, excites, activation, ...strides } of reducedTail
    ? withReducedTail(blocks)
    : blocks) {
    const path = `features.${feature++}`;
    const stride = (variant === 'cifar' && strides.cifarStride) || strides.stride;
    const from = x;
    let at = 0;
    const next = () => `${path}.block.${at++}`;
    if (scaled(expanded) !== channelsOf(x)) {
      const expand = next();
      x = finish(layers.convolution(x, `${expand}.0`, { channels: scaled(expanded) }), expand, activation);
    }
    const depthwise = next();
    x = finish(layers.depthwise(x, `${depthwise}.0`, { kernel, stride }), depthwise, activation);
    if (excites) {
      const squeezed = toMultipleOf8(Math.floor(channelsOf(x) / 4));
      x = squeezeExcitation(layers, x, next(), { squeezed, activation: 'relu', gate: 'hardSigmoid' });
    }
    const project = next();
    x = layers.convolution(x, `${project}.0`, { channels: scaled(channels) });
    x = layers.norm(x, `${project}.1`, BATCH_NORM);
    if (stride === 1 && channelsOf(from) === channelsOf(x)) x = layers.add(from, x, `${path}.add`);
  }

  const last = `features.${feature}`;
  x = finish(layers.convolution(x, `${last}.0`, { channels: 6 * channelsOf(x) }), last, 'hardSwish');
  x = linear(layers.globalPool(x, 'avgpool'), 'classifier.0', scaled(HEAD_CHANNELS[size] / (reducedTail ? 2 : 1)));
  x = layers.dropout(layers.activation(x, 'classifier.1', 'hardSwish'), 'classifier.2', dropout);
  return tf.model({ inputs: input, outputs: linear(x, 'classifier.3', classes), name });
}

/** The last three blocks give half as many channels, and the last two, which take those, expand to half as many. */
function withReducedTail(blocks: readonly MobileNetV3Block[]): MobileNetV3Block[] {
  return blocks.map((block, i) => {
    const left = blocks.length - i;
    if (left > 3) return block;
    return { ...block, channels: block.channels / 2, expanded: left > 2 ? block.expanded : block.expanded / 2 };
  });
}

const COMMON = {
  family: 'MobileNetV3',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width', 'dropout', 'reducedTail'],
  refconv: MOBILENETV3_REFCONV,
} as const;

export const MOBILENETV3_SMALL_TORCHVISION: Backbone = {
  ...COMMON,
  build: (options) => mobilenetv3Torchvision('small', options),
  reference: 'torchvision mobilenet_v3_small',
  sizes: {
    imagenet: { parameters: 2_542_856, macs: 56_510_400, basis: 59_016, map: 8_273_520 },
    cifar: {
      parameters: 1_528_106,
      macs: 17_507_328,
      outputs: { 'features.0.0': [32, 32, 16], 'features.2.block.2.1': [16, 16, 24], 'features.12.0': [4, 4, 576] },
    },
  },
  signature: { tensors: [210], stem: 'features.0.0', head: 'classifier.3' },
  published: [
    {
      weights: 'mobilenet_v3_small-047dcff4.pth',
      top1: 67.668,
      source: 'torchvision, MobileNet_V3_Small_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
  features: {
    segmentation: { low: 'features.2', high: 'features.12' },
    detection: { stride16: 'features.9.block.0', stride32: 'features.12' },
    dilation: 'torchvision',
  },
};

export const MOBILENETV3_LARGE_TORCHVISION: Backbone = {
  ...COMMON,
  build: (options) => mobilenetv3Torchvision('large', options),
  reference: 'torchvision mobilenet_v3_large',
  sizes: {
    imagenet: { parameters: 5_483_032, macs: 216_589_760, basis: 92_040, map: 28_670_832 },
    cifar: {
      parameters: 4_214_842,
      macs: 66_459_008,
      outputs: { 'features.2.block.2.1': [32, 32, 24], 'features.5.add': [16, 16, 40], 'features.16.0': [4, 4, 960] },
    },
  },
  signature: { tensors: [266], stem: 'features.0.0', head: 'classifier.3' },
  published: [
    {
      weights: 'mobilenet_v3_large-8738ca79.pth',
      top1: 74.042,
      source: 'torchvision, MobileNet_V3_Large_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
    {
      weights: 'mobilenet_v3_large-5c1a4163.pth',
      top1: 75.274,
      source: 'torchvision, MobileNet_V3_Large_Weights.IMAGENET1K_V2',
      preprocessing: { ...TORCHVISION_PREPROCESSING, resize: 232 },
    },
  ],
  features: {
    segmentation: { low: 'features.4', high: 'features.16' },
    detection: { stride16: 'features.13.block.0', stride32: 'features.16' },
    dilation: 'torchvision',
  },
};
