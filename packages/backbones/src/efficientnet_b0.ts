/** EfficientNet-B0 (arXiv 1905.11946), as torchvision's `efficientnet_b0` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { aroundBlocks, type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import {
  type CommonOptions,
  channelsOf,
  checkRate,
  checkWidth,
  fanOut,
  LayerBuilder,
  resolveVariant,
  toMultipleOf8,
} from './layerBuilder.js';
import { squeezeExcitation } from './squeezeExcitation.js';

/** Inverted residuals: the factor of the expansion, the depthwise kernel, output channels, number of blocks. */
const STAGES = [
  { expansion: 1, kernel: 3, channels: 16, blocks: 1 },
  { expansion: 6, kernel: 3, channels: 24, blocks: 2 },
  { expansion: 6, kernel: 5, channels: 40, blocks: 2 },
  { expansion: 6, kernel: 3, channels: 80, blocks: 3 },
  { expansion: 6, kernel: 5, channels: 112, blocks: 3 },
  { expansion: 6, kernel: 5, channels: 192, blocks: 4 },
  { expansion: 6, kernel: 3, channels: 320, blocks: 1 },
];

const STEM_CHANNELS = 32;

/** `strides` are those of each stage's first block. With `cifar`, as with MobileNetV2's, the first two of stride 2 become 1. */
const VARIANTS = {
  imagenet: { stemStride: 2, strides: [1, 2, 2, 2, 1, 2, 1], inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, strides: [1, 1, 2, 2, 1, 2, 1], inputSize: 32, classes: 10 },
};

export interface EfficientNetB0Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded to multiples of 8. Default: 1. */
  width?: number;
  /** Share of the features dropped before the classifier in training; 0 leaves the layer out. Default: 0.2. */
  dropout?: number;
  /**
   * Share of the images for which a residual block's branch is dropped in training: it grows from 0 at the first block towards
   * this; 0 leaves the layers out. Default: 0.2.
   */
  stochasticDepth?: number;
}

/**
 * Builds EfficientNet-B0: images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths; what is
 * no module of its own there is named beside them (`features.2.1.add`, `….pad`, `….reshape`, `….multiply`).
 * @throws RangeError where the width or the sizes are not positive, or a share of what is dropped is not in [0, 1).
 * @example
 * ```ts
 * const model = efficientnetB0({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function efficientnetB0(options: EfficientNetB0Options = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, dropout = 0.2, stochasticDepth = 0.2, seed = 0 } = options;
  const { classes, inputSize, stemStride, strides } = resolveVariant('efficientnet_b0', VARIANTS, variant, options);
  checkWidth(width);
  checkRate('dropout', dropout);
  checkRate('stochasticDepth', stochasticDepth);
  const scaled = (channels: number) => toMultipleOf8(channels * width);
  const layers = new LayerBuilder(seed, fanOut);
  /** torchvision's Conv2dNormActivation: normalisation and activation follow at the paths' ends 1 and 2. */
  const finish = (x: tf.SymbolicTensor, path: string) =>
    layers.activation(layers.norm(x, `${path}.1`), `${path}.2`, 'swish');

  const input = layers.input(inputSize);
  const stem = { channels: scaled(STEM_CHANNELS), kernel: 3, stride: stemStride };
  let x = finish(layers.convolution(input, 'features.0.0', stem), 'features.0');

  const total = STAGES.reduce((sum, { blocks }) => sum + blocks, 0);
  let before = 0;
  STAGES.forEach(({ expansion, kernel, channels, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const path = `features.${stage + 1}.${block}`;
      const stride = block === 0 ? (strides[stage] as number) : 1;
      const from = x;
      let at = 0;
      const next = () => `${path}.block.${at++}`;
      const expanded = toMultipleOf8(channelsOf(x) * expansion);
      if (expanded !== channelsOf(x)) {
        const expand = next();
        x = finish(layers.convolution(x, `${expand}.0`, { channels: expanded }), expand);
      }
      const depthwise = next();
      x = finish(layers.depthwise(x, `${depthwise}.0`, { kernel, stride }), depthwise);
      // A quarter of the block's input, not of what it was expanded to.
      const squeezed = Math.max(1, Math.floor(channelsOf(from) / 4));
      x = squeezeExcitation(layers, x, next(), { squeezed, activation: 'swish', gate: 'sigmoid' });
      const project = next();
      x = layers.norm(layers.convolution(x, `${project}.0`, { channels: scaled(channels) }), `${project}.1`);
      const rate = (stochasticDepth * before++) / total;
      if (stride === 1 && channelsOf(from) === channelsOf(x))
        x = layers.add(layers.stochasticDepth(x, `${path}.stochastic_depth`, rate), from, `${path}.add`);
    }
  });

  const last = `features.${STAGES.length + 1}`;
  x = finish(layers.convolution(x, `${last}.0`, { channels: 4 * channelsOf(x) }), last);
  x = layers.dropout(layers.globalPool(x, 'avgpool'), 'classifier.0', dropout);
  const classifier = tf.layers.dense({
    units: classes,
    name: 'classifier.1',
    kernelInitializer: layers.uniform(1 / Math.sqrt(classes)),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: 'efficientnet_b0' });
}

/** timm; its first stage has no expansion. */
function timmName(key: string): string | undefined {
  const [, stage, block, name] = /^blocks\.(\d)\.(\d)\.(.+)$/.exec(key) ?? [];
  const parts = stage === '0' ? ['conv_dw', 'se', 'conv_pw'] : ['conv_pw', 'conv_dw', 'se', 'conv_pwl'];
  const convolutions = parts.filter((part) => part !== 'se');
  const own = (path: string) => `features.${Number(stage) + 1}.${block}.block.${path}`;
  if (name !== undefined) {
    const [first = '', ...rest] = name.split('.');
    if (first === 'se') {
      const layer = { conv_reduce: 'fc1', conv_expand: 'fc2' }[rest.shift() ?? ''];
      return layer && own([parts.indexOf('se'), layer, ...rest].join('.'));
    }
    const norm = /^bn(\d)$/.exec(first)?.[1];
    const place = parts.indexOf(norm === undefined ? first : (convolutions[Number(norm) - 1] ?? ''));
    return place < 0 ? undefined : own([place, norm === undefined ? 0 : 1, ...rest].join('.'));
  }
  return aroundBlocks(key, 8);
}

export const EFFICIENTNET_B0: Backbone = {
  build: efficientnetB0,
  family: 'EfficientNet',
  reference: 'torchvision efficientnet_b0',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width', 'dropout', 'stochasticDepth'],
  sizes: {
    imagenet: { parameters: 5_288_548, macs: 385_814_752, basis: 182_880, map: 67_692_384 },
    cifar: {
      parameters: 4_020_358,
      macs: 116_167_168,
      outputs: { 'features.2.1.add': [32, 32, 24], 'features.3.1.add': [16, 16, 40], 'features.8.0': [4, 4, 1280] },
    },
  },
  signature: { tensors: [311], stem: 'features.0.0', head: 'classifier.1' },
  published: [
    {
      weights: 'efficientnet_b0_rwightman-7f5810bc.pth',
      top1: 77.692,
      source: 'torchvision, EfficientNet_B0_Weights.IMAGENET1K_V1',
      preprocessing: { ...TORCHVISION_PREPROCESSING, interpolation: 'bicubic' },
    },
  ],
  refconv: 'The stem and the depthwise 3×3 and 5×5 convolutions: all but the 1×1 ones, which have no spatial kernel.',
  features: {
    segmentation: { low: 'features.3', high: 'features.8' },
    detection: { stride16: 'features.6.0.block.0', stride32: 'features.8' },
  },
  renamings: [timmName],
};
