/** FasterNet-S (arXiv 2303.03667), as timm 1.0's `fasternet_s` (huggingface/pytorch-image-models, Apache-2.0). */
import { ChannelSplit } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type CommonOptions, channelsOf, checkRate, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** Output channels and number of blocks; a merging of 2×2 patches stands before each stage but the first. */
const STAGES = [
  { channels: 128, blocks: 1 },
  { channels: 256, blocks: 2 },
  { channels: 512, blocks: 13 },
  { channels: 1024, blocks: 2 },
];

/** Of how many channels one is convolved in a partial convolution. */
const DIVISION = 4;
const MLP_RATIO = 2;
const HEAD_CHANNELS = 1280;

/** `patch` is the stem's kernel and stride. */
const VARIANTS = {
  imagenet: { patch: 4, inputSize: 224, classes: 1000 },
  cifar: { patch: 1, inputSize: 32, classes: 10 },
};

export interface FasterNetOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Share of the images that the last block drops in training; it rises from 0 at the first. Default: 0.1. */
  stochasticDepth?: number;
}

/**
 * Builds FasterNet-S: images [n, size, size, 3] to logits [n, classes]. Layer names are timm's module paths;
 * `….spatial_mixing.split` and `….concat`, `….add` and `head.reshape` are no modules there.
 * @throws RangeError where the sizes are not positive, or stochasticDepth is not in [0, 1).
 * @example
 * ```ts
 * const model = fasternetS({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function fasternetS(options: FasterNetOptions = {}): tf.LayersModel {
  const { variant = 'imagenet', stochasticDepth = 0.1, seed = 0 } = options;
  const { classes, inputSize, patch } = resolveVariant('fasternet_s', VARIANTS, variant, options);
  checkRate('stochasticDepth', stochasticDepth);
  // timm cuts the normal distribution at ±2, a hundred standard deviations.
  const layers = new LayerBuilder(seed, (_, layers) => layers.normal(0.02));
  const lastBlock = STAGES.reduce((sum, { blocks }) => sum + blocks, 0) - 1;

  const input = layers.input(inputSize);
  const stem = { channels: (STAGES[0] as (typeof STAGES)[0]).channels, kernel: patch, stride: patch };
  let x = layers.norm(layers.convolution(input, 'patch_embed.proj', stem), 'patch_embed.norm');

  let drawn = 0;
  STAGES.forEach(({ channels, blocks }, stage) => {
    if (stage > 0) {
      const merging = `stages.${stage}.downsample`;
      x = layers.convolution(x, `${merging}.reduction`, { channels, kernel: 2, stride: 2 });
      x = layers.norm(x, `${merging}.norm`);
    }
    for (let block = 0; block < blocks; block++) {
      const path = `stages.${stage}.blocks.${block}`;
      const shortcut = x;
      const mixing = `${path}.spatial_mixing`;
      const part = channels / DIVISION;
      const split = new ChannelSplit({ sizes: [part, channels - part], name: `${mixing}.split` });
      const [convolved, kept] = split.apply(x) as [tf.SymbolicTensor, tf.SymbolicTensor];
      const mixed = layers.convolution(convolved, `${mixing}.partial_conv3`, { channels: part, kernel: 3 });
      x = layers.concatenate([mixed, kept], `${mixing}.concat`);
      x = layers.convolution(x, `${path}.mlp.0`, { channels: channels * MLP_RATIO });
      x = layers.activation(layers.norm(x, `${path}.mlp.1`), `${path}.mlp.2`, 'relu');
      x = layers.convolution(x, `${path}.mlp.3`, { channels });
      x = layers.stochasticDepth(x, `${path}.drop_path`, (stochasticDepth * drawn++) / lastBlock);
      x = layers.add(shortcut, x, `${path}.add`);
    }
  });

  x = layers.globalPool(x, 'global_pool');
  const pixel = tf.layers.reshape({ targetShape: [1, 1, channelsOf(x)], name: 'head.reshape' });
  x = layers.convolution(pixel.apply(x) as tf.SymbolicTensor, 'conv_head', { channels: HEAD_CHANNELS });
  x = tf.layers.flatten({ name: 'flatten' }).apply(layers.activation(x, 'act', 'relu')) as tf.SymbolicTensor;
  const classifier = tf.layers.dense({ units: classes, name: 'classifier', kernelInitializer: layers.normal(0.02) });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: 'fasternet_s' });
}

/** JierunChen/FasterNet: its mergings are stages of their own, between the others. */
function officialName(key: string): string | undefined {
  const [, stage, rest] = /^stages\.(\d)\.(.+)$/.exec(key) ?? [];
  if (stage !== undefined && rest !== undefined) {
    if (Number(stage) % 2 === 0) return `stages.${Number(stage) / 2}.${rest}`;
    return /^(reduction|norm)\./.test(rest) ? `stages.${(Number(stage) + 1) / 2}.downsample.${rest}` : undefined;
  }
  if (key.startsWith('patch_embed.')) return key;
  if (key.startsWith('avgpool_pre_head.1.')) return key.replace('avgpool_pre_head.1', 'conv_head');
  return key.startsWith('head.') ? key.replace('head', 'classifier') : undefined;
}

export const FASTERNET_S: Backbone = {
  build: fasternetS,
  family: 'FasterNet',
  reference: 'timm 1.0 fasternet_s',
  licence: 'Apache-2.0',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'stochasticDepth'],
  sizes: {
    imagenet: { parameters: 31_181_032, macs: 4_549_740_544, basis: 3_179_520, map: 3_179_520 },
    cifar: {
      parameters: 29_907_082,
      macs: 1_480_208_896,
      outputs: { 'patch_embed.proj': [32, 32, 128], 'stages.3.blocks.1.add': [4, 4, 1024] },
    },
  },
  signature: { tensors: [149], stem: 'patch_embed.proj', head: 'classifier' },
  published: [
    {
      weights: 'fasternet_s-epoch.299-val_acc1.81.2840.pth',
      top1: 81.284,
      source: 'JierunChen/FasterNet, release v1.0',
      preprocessing: { ...TORCHVISION_PREPROCESSING, resize: 248, interpolation: 'bicubic' },
      note: 'under other names of the same tensors',
    },
  ],
  refconv:
    'The 3×3 partial convolutions. Not the stem and the mergings, whose patches do not overlap: the mergings’ 2×2 kernels are smaller than the 3×3 map.',
  renamings: [officialName],
};
