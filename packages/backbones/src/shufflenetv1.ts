/**
 * ShuffleNetV1 (arXiv 1707.01083) with 3 and with 8 groups, as its authors' code (megvii-model/ShuffleNet-Series, ShuffleNetV1,
 * MIT). That code shuffles after the depthwise convolution and by the inverse of the paper's permutation, so its weights fit no other
 * implementation.
 */
import { ChannelShuffle } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, type PublishedResult } from './backbone.js';
import { type CommonOptions, channelsOf, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** The units of the three stages, the first of each at stride 2. */
const BLOCKS = [4, 8, 4];

/** By the number of groups, the stages' output channels at width 1, which the width multiplies, and the stem's by width. */
const CHANNELS: Record<3 | 8, { stages: readonly number[]; stem: Record<number, number> }> = {
  3: { stages: [240, 480, 960], stem: { 0.5: 12, 1: 24, 1.5: 24, 2: 48 } },
  8: { stages: [384, 768, 1536], stem: { 0.5: 16, 1: 24, 1.5: 24, 2: 48 } },
};

/** The `cifar` variant has stride 1 in the stem and no max pooling. */
const VARIANTS = {
  imagenet: { stemStride: 2, maxPool: true, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, maxPool: false, inputSize: 32, classes: 10 },
};

export interface ShuffleNetV1Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** 0.5, 1, 1.5 or 2. Default: 1. */
  width?: number;
}

/** The reference draws kernels with the standard deviation 1 / fan-in of one pixel. */
const kernels = (seed: number) =>
  new LayerBuilder(seed, ({ name, inputs, groups }, layers) =>
    layers.normal(name === 'first_conv.0' ? 0.01 : groups / inputs),
  );

function shufflenetv1(groups: 3 | 8, options: ShuffleNetV1Options): tf.LayersModel {
  const { variant = 'imagenet', width = 1, seed = 0 } = options;
  const network = `shufflenetv1_g${groups}`;
  const { classes, inputSize, stemStride, maxPool } = resolveVariant(network, VARIANTS, variant, options);
  const stemChannels = CHANNELS[groups].stem[width];
  if (stemChannels === undefined) throw new RangeError(`${network} has the widths 0.5, 1, 1.5 and 2; given ${width}.`);
  const layers = kernels(seed);
  const norm = (x: tf.SymbolicTensor, name: string) => layers.norm(x, name, { offset: 1e-4 });
  const relu = (x: tf.SymbolicTensor, name: string) => layers.activation(x, name, 'relu');

  const input = layers.input(inputSize);
  let x = layers.convolution(input, 'first_conv.0', { channels: stemChannels, kernel: 3, stride: stemStride });
  x = relu(norm(x, 'first_conv.1'), 'first_conv.2');
  if (maxPool) x = layers.maxPool(x, 'maxpool');

  let feature = 0;
  BLOCKS.forEach((blocks, stage) => {
    const channels = (CHANNELS[groups].stages[stage] as number) * width;
    const hidden = channels / 4;
    for (let block = 0; block < blocks; block++) {
      const path = `features.${feature++}`;
      const [from, stride] = [x, block === 0 ? 2 : 1];
      const first = { channels: hidden, groups: path === 'features.0' ? 1 : groups };
      x = layers.convolution(x, `${path}.branch_main_1.0`, first);
      x = relu(norm(x, `${path}.branch_main_1.1`), `${path}.branch_main_1.2`);
      x = layers.depthwise(x, `${path}.branch_main_1.3`, { kernel: 3, stride });
      x = norm(x, `${path}.branch_main_1.4`);
      // The reference's order is the inverse of the shuffle by `groups`.
      const shuffle = new ChannelShuffle({ groups: hidden / groups, name: `${path}.shuffle` });
      x = shuffle.apply(x) as tf.SymbolicTensor;
      const second = { channels: stride === 1 ? channels : channels - channelsOf(from), groups };
      x = norm(layers.convolution(x, `${path}.branch_main_2.0`, second), `${path}.branch_main_2.1`);
      if (stride === 1) x = relu(layers.add(x, from, `${path}.add`), `${path}.relu`);
      else {
        // The padding's zeros count in the mean, as in PyTorch.
        const pool = tf.layers.averagePooling2d({ poolSize: 3, strides: 2, name: `${path}.branch_proj` });
        const pooled = pool.apply(layers.padded(from, `${path}.branch_proj`, 3, 2)) as tf.SymbolicTensor;
        x = layers.concatenate([pooled, relu(x, `${path}.relu`)], `${path}.concat`);
      }
    }
  });

  const classifier = tf.layers.dense({
    units: classes,
    name: 'classifier.0',
    useBias: false,
    kernelInitializer: layers.normal(0.01),
  });
  const logits = classifier.apply(layers.globalPool(x, 'globalpool')) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: logits, name: network });
}

/**
 * Builds ShuffleNetV1 with 3 groups: images [n, size, size, 3] to logits [n, classes]. Layer names are the reference's module paths;
 * `….shuffle`, `….add`, `….relu`, `….concat` and `….pad` are no modules there.
 * @throws RangeError for a width that it has not, and where the sizes are not positive.
 * @example
 * ```ts
 * const model = shufflenetv1G3({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function shufflenetv1G3(options: ShuffleNetV1Options = {}): tf.LayersModel {
  return shufflenetv1(3, options);
}

/**
 * Builds ShuffleNetV1 with 8 groups; otherwise as {@link shufflenetv1G3}.
 * @example
 * ```ts
 * const model = shufflenetv1G8({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function shufflenetv1G8(options: ShuffleNetV1Options = {}): tf.LayersModel {
  return shufflenetv1(8, options);
}

const backbone = (build: Backbone['build'], sizes: Backbone['sizes'], published: PublishedResult): Backbone => ({
  build,
  family: 'ShuffleNetV1',
  reference: 'megvii-model/ShuffleNet-Series ShuffleNetV1 1.0x',
  licence: 'MIT',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width'],
  sizes,
  signature: { tensors: [246], stem: 'first_conv.0', head: 'classifier.0' },
  published: [published],
  refconv: 'The stem and the depthwise 3×3 convolutions: all but the grouped 1×1 ones, which have no spatial kernel.',
});

/** The authors' weights take images as OpenCV reads and resizes them. */
const PREPROCESSING = {
  resize: 256,
  crop: 224,
  interpolation: 'bilinear-opencv',
  channels: 'BGR',
  range: [0, 255],
  mean: [0, 0, 0],
  std: [1, 1, 1],
} as const;

export const SHUFFLENETV1_G3 = backbone(
  shufflenetv1G3,
  {
    imagenet: { parameters: 1_864_728, macs: 137_460_672, basis: 20_088, map: 3_240_648 },
    cifar: {
      parameters: 914_328,
      macs: 42_590_592,
      outputs: { 'first_conv.0': [32, 32, 24], 'features.0.concat': [16, 16, 240], 'features.15.add': [4, 4, 960] },
    },
  },
  {
    weights: '1.0x, group 3',
    top1: 67.8,
    source: 'megvii-model/ShuffleNet-Series, ShuffleNetV1/README.md',
    preprocessing: PREPROCESSING,
  },
);

export const SHUFFLENETV1_G8 = backbone(
  shufflenetv1G8,
  {
    imagenet: { parameters: 2_433_768, macs: 138_365_952, basis: 31_752, map: 8_295_048 },
    cifar: {
      parameters: 913_128,
      macs: 42_703_872,
      outputs: { 'first_conv.0': [32, 32, 24], 'features.0.concat': [16, 16, 384], 'features.15.add': [4, 4, 1536] },
    },
  },
  {
    weights: '1.0x, group 8',
    top1: 68.0,
    source: 'megvii-model/ShuffleNet-Series, ShuffleNetV1/README.md',
    preprocessing: PREPROCESSING,
  },
);
