/**
 * ResNet-20 for CIFAR-10 (arXiv 1512.03385, section 4.2), as akamaster/pytorch_resnet_cifar10's `resnet20` (BSD-2-Clause): option A
 * shortcuts, which have no parameters.
 */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, COMMON_OPTIONS } from './backbone.js';
import { type CommonOptions, channelsOf, heNormal, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** Basic blocks: channels, the first block's stride, number of blocks. */
const STAGES = [
  { channels: 16, stride: 1, blocks: 3 },
  { channels: 32, stride: 2, blocks: 3 },
  { channels: 64, stride: 2, blocks: 3 },
];

const VARIANTS = { cifar: { inputSize: 32, classes: 10 } };

export interface ResNet20CifarOptions extends CommonOptions {
  /** There is no other; accepted so that the networks can be exchanged. */
  variant?: keyof typeof VARIANTS;
}

/**
 * Builds ResNet-20: images [n, size, size, 3] to logits [n, classes]. Layer names are the reference's module paths; what is no
 * module of its own there is named beside them (`layer1.0.relu1`, `layer1.0.add`, `layer2.0.shortcut.subsample`, `….pad`).
 * @throws RangeError where the sizes are not positive.
 * @example
 * ```ts
 * const model = resnet20Cifar({ classes: 10, seed: 1 });
 * ```
 */
export function resnet20Cifar(options: ResNet20CifarOptions = {}): tf.LayersModel {
  const { variant = 'cifar', seed = 0 } = options;
  const { classes, inputSize } = resolveVariant('resnet20_cifar', VARIANTS, variant, options);
  const layers = new LayerBuilder(
    seed,
    heNormal(({ area, inputs }) => area * inputs),
  );
  const relu = (x: tf.SymbolicTensor, name: string) => layers.activation(x, name, 'relu');

  const input = layers.input(inputSize);
  let x = layers.convolution(input, 'conv1', { channels: 16, kernel: 3 });
  x = relu(layers.norm(x, 'bn1'), 'relu');

  STAGES.forEach(({ channels, stride: firstStride, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const path = `layer${stage + 1}.${block}`;
      const stride = block === 0 ? firstStride : 1;
      const shortcut = stride === 1 ? x : optionA(x, `${path}.shortcut`, stride, channels);
      x = layers.convolution(x, `${path}.conv1`, { channels, kernel: 3, stride });
      x = relu(layers.norm(x, `${path}.bn1`), `${path}.relu1`);
      x = layers.convolution(x, `${path}.conv2`, { channels, kernel: 3 });
      x = layers.norm(x, `${path}.bn2`);
      x = relu(layers.add(x, shortcut, `${path}.add`), `${path}.relu2`);
    }
  });

  x = layers.globalPool(x, 'avgpool');
  const classifier = tf.layers.dense({
    units: classes,
    name: 'linear',
    kernelInitializer: layers.normal(Math.sqrt(2 / channelsOf(x))),
    biasInitializer: layers.uniform(1 / Math.sqrt(channelsOf(x))),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: 'resnet20_cifar' });
}

/**
 * Every `stride`-th pixel, and half of the new channels as zeros on either side. Made of tf.layers' own classes, so that a saved
 * model loads without this project: as tf.layers pads heights and widths alone, the channels are reshaped to be widths meanwhile.
 */
function optionA(x: tf.SymbolicTensor, path: string, stride: number, channels: number): tf.SymbolicTensor {
  const subsampled = tf.layers
    .averagePooling2d({ poolSize: 1, strides: stride, name: `${path}.subsample` })
    .apply(x) as tf.SymbolicTensor;
  const [, height, width, given] = subsampled.shape as [null, number, number, number];
  const before = Math.floor((channels - given) / 2);
  const stages = [
    tf.layers.reshape({ targetShape: [height * width, given, 1], name: `${path}.channels_as_width` }),
    tf.layers.zeroPadding2d({
      padding: [
        [0, 0],
        [before, channels - given - before],
      ],
      name: `${path}.pad`,
    }),
    tf.layers.reshape({ targetShape: [height, width, channels], name: `${path}.width_as_channels` }),
  ];
  return stages.reduce((y, layer) => layer.apply(y) as tf.SymbolicTensor, subsampled);
}

export const RESNET20_CIFAR: Backbone = {
  build(options) {
    return resnet20Cifar(options as ResNet20CifarOptions);
  },
  family: 'ResNet',
  reference: 'akamaster/pytorch_resnet_cifar10 resnet20',
  licence: 'BSD-2-Clause',
  variants: ['cifar'],
  options: COMMON_OPTIONS,
  sizes: {
    cifar: {
      parameters: 269_722,
      macs: 40_551_040,
      outputs: { conv1: [32, 32, 16], 'layer2.0.shortcut.pad': [256, 32, 1], 'layer3.2.relu2': [8, 8, 64] },
    },
  },
  signature: { tensors: [97], stem: 'conv1', head: 'linear' },
  published: [
    {
      weights: 'resnet20-12fca82f.th',
      top1: 91.73,
      source: 'akamaster/pytorch_resnet_cifar10, README (CIFAR-10)',
      preprocessing: {
        crop: 32,
        channels: 'RGB',
        range: [0, 1],
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
      },
    },
  ],
  refconv: 'All convolutions: each is 3×3, and the shortcuts have none.',
};
