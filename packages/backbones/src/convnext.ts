/** ConvNeXt-T (arXiv 2201.03545), as torchvision's `convnext_tiny` (pytorch/vision, BSD-3-Clause). */
import { LayerNormalization, LayerScale } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type CommonOptions, checkRate, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** Output channels and number of blocks; a downsampling of 2×2 patches stands before each stage but the first. */
const STAGES = [
  { channels: 96, blocks: 3 },
  { channels: 192, blocks: 3 },
  { channels: 384, blocks: 9 },
  { channels: 768, blocks: 3 },
];

const MLP_RATIO = 4;

/** `patch` is the stem's kernel and stride. */
const VARIANTS = {
  imagenet: { patch: 4, inputSize: 224, classes: 1000 },
  cifar: { patch: 1, inputSize: 32, classes: 10 },
};

export interface ConvNeXtOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Share of the images that the last block drops in training; it rises from 0 at the first. Default: 0.1. */
  stochasticDepth?: number;
}

/**
 * Builds ConvNeXt-T: images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths; a block's own path
 * (`features.1.0`) is the name of its layer scale, whose tensor is the block's there. `….add` is no module there.
 * @throws RangeError where the sizes are not positive, or stochasticDepth is not in [0, 1).
 * @example
 * ```ts
 * const model = convnextTiny({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function convnextTiny(options: ConvNeXtOptions = {}): tf.LayersModel {
  const { variant = 'imagenet', stochasticDepth = 0.1, seed = 0 } = options;
  const { classes, inputSize, patch } = resolveVariant('convnext_tiny', VARIANTS, variant, options);
  checkRate('stochasticDepth', stochasticDepth);
  // torchvision cuts the normal distribution at ±2, a hundred standard deviations.
  const layers = new LayerBuilder(seed, (_, layers) => layers.normal(0.02));
  const lastBlock = STAGES.reduce((sum, { blocks }) => sum + blocks, 0) - 1;
  const norm = (x: tf.SymbolicTensor, name: string) =>
    new LayerNormalization({ epsilon: 1e-6, name }).apply(x) as tf.SymbolicTensor;
  const linear = (x: tf.SymbolicTensor, name: string, units: number) =>
    tf.layers.dense({ units, name, kernelInitializer: layers.normal(0.02) }).apply(x) as tf.SymbolicTensor;

  const input = layers.input(inputSize);
  let x: tf.SymbolicTensor = input;
  let drawn = 0;
  STAGES.forEach(({ channels, blocks }, stage) => {
    const before = `features.${2 * stage}`;
    if (stage === 0) {
      x = layers.convolution(x, `${before}.0`, { channels, kernel: patch, stride: patch, bias: true });
      x = norm(x, `${before}.1`);
    } else {
      x = norm(x, `${before}.0`);
      x = layers.convolution(x, `${before}.1`, { channels, kernel: 2, stride: 2, bias: true });
    }
    for (let block = 0; block < blocks; block++) {
      const path = `features.${2 * stage + 1}.${block}`;
      const shortcut = x;
      x = layers.depthwise(x, `${path}.block.0`, { kernel: 7, bias: true });
      x = norm(x, `${path}.block.2`);
      x = linear(x, `${path}.block.3`, channels * MLP_RATIO);
      x = layers.activation(x, `${path}.block.4`, 'gelu');
      x = linear(x, `${path}.block.5`, channels);
      x = new LayerScale({ name: path, initialValue: 1e-6 }).apply(x) as tf.SymbolicTensor;
      x = layers.stochasticDepth(x, `${path}.stochastic_depth`, (stochasticDepth * drawn++) / lastBlock);
      x = layers.add(x, shortcut, `${path}.add`);
    }
  });

  x = norm(layers.globalPool(x, 'avgpool'), 'classifier.0');
  return tf.model({ inputs: input, outputs: linear(x, 'classifier.2', classes), name: 'convnext_tiny' });
}

const BLOCK: Readonly<Record<string, string>> = {
  gamma: 'layer_scale',
  dwconv: 'block.0',
  conv_dw: 'block.0',
  norm: 'block.2',
  pwconv1: 'block.3',
  'mlp.fc1': 'block.3',
  pwconv2: 'block.5',
  'mlp.fc2': 'block.5',
};

/** A block's weight, from its stage, its number and its name there. */
function blockName(stage: string, block: string, name: string): string | undefined {
  const part = Object.keys(BLOCK).find((known) => name === known || name.startsWith(`${known}.`));
  return part && `features.${2 * Number(stage) + 1}.${block}.${BLOCK[part]}${name.slice(part.length)}`;
}

/** facebookresearch/ConvNeXt. */
function officialName(key: string): string | undefined {
  const [, stage, block, name] = /^stages\.(\d)\.(\d)\.(.+)$/.exec(key) ?? [];
  if (stage && block && name) return blockName(stage, block, name);
  const [, step, rest] = /^downsample_layers\.(\d)\.(.+)$/.exec(key) ?? [];
  if (step && rest) return `features.${2 * Number(step)}.${rest}`;
  if (/^norm\./.test(key)) return key.replace('norm', 'classifier.0');
  return /^head\.(weight|bias)$/.test(key) ? key.replace('head', 'classifier.2') : undefined;
}

/** timm. */
function timmName(key: string): string | undefined {
  const [, stage, block, name] = /^stages\.(\d)\.blocks\.(\d)\.(.+)$/.exec(key) ?? [];
  if (stage && block && name) return blockName(stage, block, name);
  const [, step, rest] = /^stages\.(\d)\.downsample\.(.+)$/.exec(key) ?? [];
  if (step && rest) return `features.${2 * Number(step)}.${rest}`;
  if (key.startsWith('stem.')) return key.replace('stem', 'features.0');
  if (key.startsWith('head.norm.')) return key.replace('head.norm', 'classifier.0');
  return key.startsWith('head.fc.') ? key.replace('head.fc', 'classifier.2') : undefined;
}

export const CONVNEXT_TINY: Backbone = {
  build: convnextTiny,
  family: 'ConvNeXt',
  reference: 'torchvision convnext_tiny',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'stochasticDepth'],
  sizes: {
    imagenet: { parameters: 28_589_128, macs: 4_455_531_264, basis: 324_576, map: 29_113_344 },
    cifar: {
      parameters: 27_823_498,
      macs: 1_450_200_576,
      outputs: { 'features.0.0': [32, 32, 96], 'features.7.2.add': [4, 4, 768] },
    },
  },
  signature: { tensors: [182], stem: 'features.0.0', head: 'classifier.2' },
  published: [
    {
      weights: 'convnext_tiny-983f1562.pth',
      top1: 82.52,
      source: 'torchvision, ConvNeXt_Tiny_Weights.IMAGENET1K_V1',
      preprocessing: { ...TORCHVISION_PREPROCESSING, resize: 236 },
    },
    {
      weights: 'convnext_tiny_1k_224_ema.pth',
      top1: 82.1,
      source: 'facebookresearch/ConvNeXt, README.md',
      preprocessing: { ...TORCHVISION_PREPROCESSING, interpolation: 'bicubic' },
      note: 'under other names of the same tensors',
    },
  ],
  refconv:
    'The depthwise 7×7 convolutions. Not the stem and the downsamplings, whose patches do not overlap: the latter’s 2×2 kernels are smaller than the 3×3 map.',
  renamings: [officialName, timmName],
};
