/** MobileNetV2 (arXiv 1801.04381), as torchvision's `mobilenet_v2` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { aroundBlocks, type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
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

/** Inverted residuals: the factor of the expansion, output channels, number of blocks. */
const STAGES = [
  { expansion: 1, channels: 16, blocks: 1 },
  { expansion: 6, channels: 24, blocks: 2 },
  { expansion: 6, channels: 32, blocks: 3 },
  { expansion: 6, channels: 64, blocks: 4 },
  { expansion: 6, channels: 96, blocks: 3 },
  { expansion: 6, channels: 160, blocks: 3 },
  { expansion: 6, channels: 320, blocks: 1 },
];

const STEM_CHANNELS = 32;
const HEAD_CHANNELS = 1280;

/**
 * `strides` are those of each stage's first block. The `cifar` variant is kuangliu/pytorch-cifar's (MIT): it has an expansion
 * also where the factor is 1, and a projected shortcut where a block of stride 1 changes the number of channels.
 */
const VARIANTS = {
  imagenet: {
    stemStride: 2,
    strides: [1, 2, 2, 2, 1, 2, 1],
    alwaysExpands: false,
    projectsShortcuts: false,
    activation: 'relu6',
    dropout: 0.2,
    inputSize: 224,
    classes: 1000,
  },
  cifar: {
    stemStride: 1,
    strides: [1, 1, 2, 2, 1, 2, 1],
    alwaysExpands: true,
    projectsShortcuts: true,
    activation: 'relu',
    dropout: 0,
    inputSize: 32,
    classes: 10,
  },
} as const;

export interface MobileNetV2Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded to multiples of 8; the head's 1280 never become fewer. Default: 1. */
  width?: number;
  /** Default: 'relu6', for cifar 'relu'. */
  activation?: Activation;
  /** Share of the features dropped before the classifier in training; 0 leaves the layer out. Default: 0.2, for cifar 0. */
  dropout?: number;
}

/**
 * Builds MobileNetV2: images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths, in both
 * variants; the additions (`features.3.add`), the paddings (`….pad`) and cifar's shortcuts (`features.2.shortcut.0`) have none
 * there.
 * @throws RangeError where the width or the sizes are not positive, or dropout is not in [0, 1).
 * @example
 * ```ts
 * const model = mobilenetv2({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function mobilenetv2(options: MobileNetV2Options = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, seed = 0 } = options;
  const preset = resolveVariant('mobilenetv2', VARIANTS, variant, options);
  const { activation = preset.activation, dropout = preset.dropout } = options;
  checkWidth(width);
  checkRate('dropout', dropout);
  const scaled = (channels: number) => toMultipleOf8(channels * width);
  const layers = new LayerBuilder(seed, fanOut);
  /** torchvision's Conv2dNormActivation: normalisation and activation follow at the paths' ends 1 and 2. */
  const finish = (x: tf.SymbolicTensor, path: string) =>
    layers.activation(layers.norm(x, `${path}.1`), `${path}.2`, activation);

  const input = layers.input(preset.inputSize);
  const stem = { channels: scaled(STEM_CHANNELS), kernel: 3, stride: preset.stemStride };
  let x = finish(layers.convolution(input, 'features.0.0', stem), 'features.0');

  let feature = 1;
  STAGES.forEach(({ expansion, channels, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const path = `features.${feature++}`;
      const stride = block === 0 ? (preset.strides[stage] as number) : 1;
      const from = x;
      let at = 0;
      if (expansion !== 1 || preset.alwaysExpands) {
        const hidden = channelsOf(x) * expansion;
        x = finish(layers.convolution(x, `${path}.conv.${at}.0`, { channels: hidden }), `${path}.conv.${at}`);
        at++;
      }
      x = finish(layers.depthwise(x, `${path}.conv.${at}.0`, { kernel: 3, stride }), `${path}.conv.${at}`);
      x = layers.convolution(x, `${path}.conv.${at + 1}`, { channels: scaled(channels) });
      x = layers.norm(x, `${path}.conv.${at + 2}`);
      if (stride !== 1) continue;
      if (channelsOf(from) === channelsOf(x)) x = layers.add(from, x, `${path}.add`);
      else if (preset.projectsShortcuts) {
        const projected = layers.convolution(from, `${path}.shortcut.0`, { channels: channelsOf(x) });
        x = layers.add(layers.norm(projected, `${path}.shortcut.1`), x, `${path}.add`);
      }
    }
  });

  const head = { channels: toMultipleOf8(HEAD_CHANNELS * Math.max(1, width)) };
  x = finish(layers.convolution(x, `features.${feature}.0`, head), `features.${feature}`);
  x = layers.globalPool(x, 'global_pool');
  x = layers.dropout(x, 'classifier.0', dropout);
  const classifier = tf.layers.dense({
    units: preset.classes,
    name: 'classifier.1',
    kernelInitializer: layers.normal(0.01),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: 'mobilenetv2' });
}

/** The number of a stage's first block; timm's stages are those of the table. */
const FIRST_BLOCKS = STAGES.map((_, i) => 1 + STAGES.slice(0, i).reduce((sum, { blocks }) => sum + blocks, 0));

/** timm. */
function timmName(key: string): string | undefined {
  const [, stage, block, part = '', rest] = /^blocks\.(\d)\.(\d)\.(\w+)\.(.+)$/.exec(key) ?? [];
  if (stage === undefined) return aroundBlocks(key, 18);
  // Of the last convolution and its batch norm torchvision has no module around them.
  const paths: Record<string, string> =
    stage === '0'
      ? { conv_dw: '0.0', bn1: '0.1', conv_pw: '1', bn2: '2' }
      : { conv_pw: '0.0', bn1: '0.1', conv_dw: '1.0', bn2: '1.1', conv_pwl: '2', bn3: '3' };
  const path = paths[part];
  return path && `features.${(FIRST_BLOCKS[Number(stage)] ?? Number.NaN) + Number(block)}.conv.${path}.${rest}`;
}

/** d-li14/mobilenetv2.pytorch: convolution, batch norm and activation one after the other. */
function flatName(key: string): string | undefined {
  const [, block, place, rest] = /^features\.(\d+)\.conv\.(\d)\.(.+)$/.exec(key) ?? [];
  if (block && place && rest) {
    const paths: Record<string, string> =
      block === '1'
        ? { 0: '0.0', 1: '0.1', 3: '1', 4: '2' }
        : { 0: '0.0', 1: '0.1', 3: '1.0', 4: '1.1', 6: '2', 7: '3' };
    return paths[place] && `features.${block}.conv.${paths[place]}.${rest}`;
  }
  if (key.startsWith('features.0.')) return key;
  if (/^conv\.[01]\./.test(key)) return key.replace('conv', 'features.18');
  return /^classifier\.(weight|bias)$/.test(key) ? key.replace('classifier', 'classifier.1') : undefined;
}

export const MOBILENETV2: Backbone = {
  build: mobilenetv2,
  family: 'MobileNetV2',
  reference: 'torchvision mobilenet_v2',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width', 'activation', 'dropout'],
  sizes: {
    imagenet: { parameters: 3_504_872, macs: 300_774_272, basis: 65_088, map: 40_611_168 },
    cifar: {
      parameters: 2_296_922,
      macs: 91_154_944,
      outputs: { 'features.0.0': [32, 32, 32], 'features.3.add': [32, 32, 24], 'features.18.0': [4, 4, 1280] },
    },
  },
  signature: { tensors: [262, 287], stem: 'features.0.0', head: 'classifier.1' },
  published: [
    {
      weights: 'mobilenet_v2-b0353104.pth',
      top1: 71.878,
      source: 'torchvision, MobileNet_V2_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
    {
      weights: 'mobilenet_v2-7ebf99e0.pth',
      top1: 72.154,
      source: 'torchvision, MobileNet_V2_Weights.IMAGENET1K_V2',
      preprocessing: { ...TORCHVISION_PREPROCESSING, resize: 232 },
    },
  ],
  refconv: 'The stem and the depthwise 3×3 convolutions: all but the 1×1 ones, which have no spatial kernel.',
  features: {
    segmentation: { low: 'features.6', high: 'features.18' },
    detection: { stride16: 'features.14.conv.0', stride32: 'features.18' },
    // torchvision has no dilated form.
    dilation: 'timm',
  },
  renamings: [timmName, flatName],
};
