/**
 * MobileNeXt (arXiv 2007.02269), as zhoudaquan/rethinking_bottleneck_design's `mnext` (mobilenext/codebase/models/mnext.py,
 * BSD-3-Clause-Clear).
 */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import {
  type CommonOptions,
  channelsOf,
  checkRate,
  checkWidth,
  fanOut,
  LayerBuilder,
  resolveVariant,
  toMultipleOf,
} from './layerBuilder.js';
import { Sequence } from './sequence.js';

/** Sandglass blocks: the factor of the reduction, output channels, number of blocks. */
const STAGES = [
  { reduction: 2, channels: 96, blocks: 1 },
  { reduction: 6, channels: 144, blocks: 1 },
  { reduction: 6, channels: 192, blocks: 3 },
  { reduction: 6, channels: 288, blocks: 3 },
  { reduction: 6, channels: 384, blocks: 4 },
  { reduction: 6, channels: 576, blocks: 4 },
  { reduction: 6, channels: 960, blocks: 3 },
  { reduction: 6, channels: 1280, blocks: 1 },
];

const STEM_CHANNELS = 32;
/** These never become fewer. */
const HEAD_CHANNELS = 1280;

/** `strides` are those of each stage's first block. */
const VARIANTS = {
  imagenet: { stemStride: 2, strides: [2, 1, 2, 2, 1, 2, 1, 1], dropout: 0.2, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, strides: [1, 1, 2, 2, 1, 2, 1, 1], dropout: 0, inputSize: 32, classes: 10 },
};

export interface MobileNeXtOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded to multiples of 8 (of 4 at 0.1); the last 1280 never become fewer. Default: 1. */
  width?: number;
  /** Share of the features dropped before the classifier in training; 0 leaves the layer out. Default: 0.2, for cifar 0. */
  dropout?: number;
}

/**
 * Builds MobileNeXt: images [n, size, size, 3] to logits [n, classes]. Layer names are the reference's module paths; the additions
 * (`features.4.add`) and the paddings (`….pad`) have none there.
 * @throws RangeError where the width or the sizes are not positive, or dropout is not in [0, 1).
 * @example
 * ```ts
 * const model = mobilenext({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function mobilenext(options: MobileNeXtOptions = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, seed = 0 } = options;
  const preset = resolveVariant('mobilenext', VARIANTS, variant, options);
  const { dropout = preset.dropout } = options;
  checkWidth(width);
  checkRate('dropout', dropout);
  const scaled = (channels: number) =>
    channels === HEAD_CHANNELS && width < 1 ? channels : toMultipleOf(width === 0.1 ? 4 : 8, channels * width);
  const layers = new LayerBuilder(seed, fanOut);

  const input = layers.input(preset.inputSize);
  const stem = new Sequence(layers, input, 'features.0');
  let x = stem.convolution(scaled(STEM_CHANNELS), 3, preset.stemStride).relu6().x;

  let feature = 1;
  STAGES.forEach(({ reduction, channels, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 ? (preset.strides[stage] as number) : 1;
      // The reference keeps both depthwise convolutions in a stage of one block of stride 1, without a shortcut.
      const single = blocks === 1 && stride === 1;
      x = sandglass(layers, x, `features.${feature++}`, { reduction, channels: scaled(channels), stride, single });
    }
  });

  x = layers.dropout(layers.globalPool(x, 'global_pool'), 'classifier.0', dropout);
  const classifier = tf.layers.dense({
    units: preset.classes,
    name: 'classifier.1',
    kernelInitializer: layers.normal(0.01),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: 'mobilenext' });
}

/**
 * A depthwise convolution on either side of a bottleneck of two pointwise ones. Where the channels change there is no first one, and
 * at stride 1 no second one either; the blocks whose reduction is 2 and the `single` ones of stride 1 always have both. Only blocks
 * that leave stride and channels as they are have a shortcut.
 */
function sandglass(
  layers: LayerBuilder,
  x: tf.SymbolicTensor,
  path: string,
  { reduction, channels, stride, single }: { reduction: number; channels: number; stride: number; single: boolean },
): tf.SymbolicTensor {
  const given = channelsOf(x);
  const reduced = Math.floor(given / reduction);
  const hidden = reduced < channels / 6 ? toMultipleOf(16, Math.ceil(channels / 6)) : reduced;
  const keepsBoth = reduction === 2 || single || given === channels;

  const inner = new Sequence(layers, x, `${path}.conv`);
  if (keepsBoth) inner.depthwise(3).relu6();
  inner.convolution(hidden).convolution(channels).relu6();
  if (keepsBoth || stride === 2) inner.depthwise(3, stride);
  const hasShortcut = reduction !== 2 && !single && stride === 1 && given === channels;
  return hasShortcut ? layers.add(x, inner.x, `${path}.add`) : inner.x;
}

export const MOBILENEXT: Backbone = {
  build: mobilenext,
  family: 'MobileNeXt',
  reference: 'zhoudaquan/rethinking_bottleneck_design mnext',
  licence: 'BSD-3-Clause-Clear',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width', 'dropout'],
  sizes: {
    imagenet: { parameters: 3_535_416, macs: 311_342_592, basis: 137_520, map: 90_836_064 },
    cifar: {
      parameters: 2_267_226,
      macs: 91_427_328,
      outputs: {
        'features.0.0': [32, 32, 32],
        'features.1.conv.8': [32, 32, 96],
        'features.20.conv.8': [4, 4, 1280],
      },
    },
  },
  signature: { tensors: [372], stem: 'features.0.0', head: 'classifier.1' },
  published: [
    {
      weights: 'mobilenext/output/74_02_full_id_tensor/model_best.pth.tar',
      top1: 74.02,
      source: 'zhoudaquan/rethinking_bottleneck_design, README',
      preprocessing: { ...TORCHVISION_PREPROCESSING, interpolation: 'bicubic' },
    },
  ],
  refconv: 'The stem and the depthwise 3×3 convolutions: all but the pointwise ones, which have no spatial kernel.',
};
