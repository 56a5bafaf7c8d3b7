/** DenseNet-BC (arXiv 1608.06993), as torchvision's `densenet121` and `densenet169` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type CommonOptions, channelsOf, heNormal, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** Numbers of layers in the four dense blocks. */
const BLOCKS = {
  densenet121: [6, 12, 24, 16],
  densenet169: [6, 12, 32, 32],
};

/** Channels that a dense layer adds. */
const GROWTH = 32;
/** Channels of a dense layer's 1×1 convolution. */
const BOTTLENECK = 4 * GROWTH;

/** The `cifar` variant has another stem and no max pooling. */
const VARIANTS = {
  imagenet: { stem: { channels: 64, kernel: 7, stride: 2 }, maxPool: true, inputSize: 224, classes: 1000 },
  cifar: { stem: { channels: 64, kernel: 3, stride: 1 }, maxPool: false, inputSize: 32, classes: 10 },
};

export interface DenseNetOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
}

/**
 * Images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths; what is no module there is named
 * beside them: `….concat`, `….pad`, `features.relu5`.
 */
function densenet(id: keyof typeof BLOCKS, options: DenseNetOptions): tf.LayersModel {
  const { variant = 'imagenet', seed = 0 } = options;
  const { classes, inputSize, stem, maxPool } = resolveVariant(id, VARIANTS, variant, options);
  const layers = new LayerBuilder(
    seed,
    heNormal(({ area, inputs }) => area * inputs),
  );
  /** Normalisation and ReLU, numbered alike. */
  const activated = (x: tf.SymbolicTensor, path: string, number: number | '') =>
    layers.activation(layers.norm(x, `${path}.norm${number}`), `${path}.relu${number}`, 'relu');

  const input = layers.input(inputSize);
  let x = activated(layers.convolution(input, 'features.conv0', stem), 'features', 0);
  if (maxPool) x = layers.maxPool(x, 'features.pool0');

  BLOCKS[id].forEach((count, i, { length }) => {
    for (let layer = 1; layer <= count; layer++) {
      const path = `features.denseblock${i + 1}.denselayer${layer}`;
      let added = layers.convolution(activated(x, path, 1), `${path}.conv1`, { channels: BOTTLENECK });
      added = layers.convolution(activated(added, path, 2), `${path}.conv2`, { channels: GROWTH, kernel: 3 });
      x = layers.concatenate([x, added], `${path}.concat`);
    }
    if (i === length - 1) return;
    const path = `features.transition${i + 1}`;
    x = layers.convolution(activated(x, path, ''), `${path}.conv`, { channels: channelsOf(x) / 2 });
    const pool = tf.layers.averagePooling2d({ poolSize: 2, strides: 2, name: `${path}.pool` });
    x = pool.apply(x) as tf.SymbolicTensor;
  });

  x = layers.globalPool(activated(x, 'features', BLOCKS[id].length + 1), 'global_pool');
  const classifier = tf.layers.dense({
    units: classes,
    name: 'classifier',
    kernelInitializer: layers.uniform(1 / Math.sqrt(channelsOf(x))),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: id });
}

/**
 * Builds DenseNet-121: images [n, size, size, 3] to logits [n, classes].
 * @throws RangeError where the sizes are not positive.
 * @example
 * ```ts
 * const model = densenet121({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export const densenet121 = (options: DenseNetOptions = {}) => densenet('densenet121', options);

/**
 * Builds DenseNet-169: images [n, size, size, 3] to logits [n, classes].
 * @throws RangeError where the sizes are not positive.
 * @example
 * ```ts
 * const model = densenet169(); // 1000 classes at 224×224
 * ```
 */
export const densenet169 = (options: DenseNetOptions = {}) => densenet('densenet169', options);

const COMMON = {
  family: 'DenseNet',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: COMMON_OPTIONS,
  refconv: 'The 7×7 stem and the 3×3 convolution of each dense layer; bottlenecks and transitions are 1×1.',
} as const;

export const DENSENET121: Backbone = {
  ...COMMON,
  build: densenet121,
  reference: 'torchvision densenet121',
  sizes: {
    imagenet: { parameters: 7_978_856, macs: 2_834_161_664, basis: 2_147_520, map: 2_139_840 },
    cifar: {
      parameters: 6_956_426,
      macs: 888_350_720,
      outputs: {
        'features.conv0': [32, 32, 64],
        'features.denseblock1.denselayer6.concat': [32, 32, 256],
        'features.relu5': [4, 4, 1024],
      },
    },
  },
  signature: { tensors: [606], stem: 'features.conv0', head: 'classifier' },
  published: [
    {
      weights: 'densenet121-a639ec97.pth',
      top1: 74.434,
      source: 'torchvision, DenseNet121_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
};

export const DENSENET169: Backbone = {
  ...COMMON,
  build: densenet169,
  reference: 'torchvision densenet169',
  sizes: {
    imagenet: { parameters: 14_149_480, macs: 3_359_843_328, basis: 3_032_256, map: 3_024_576 },
    cifar: {
      parameters: 12_493_450,
      macs: 1_059_799_296,
      outputs: {
        'features.conv0': [32, 32, 64],
        'features.transition3.pool': [4, 4, 640],
        'features.relu5': [4, 4, 1664],
      },
    },
  },
  signature: { tensors: [846], stem: 'features.conv0', head: 'classifier' },
  published: [
    {
      weights: 'densenet169-b2777c0a.pth',
      top1: 75.6,
      source: 'torchvision, DenseNet169_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
};
