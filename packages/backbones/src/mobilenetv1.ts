/** MobileNetV1 (arXiv 1704.04861), as timm 1.0's `mobilenetv1_100` (huggingface/pytorch-image-models, Apache-2.0). */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type Activation, type CommonOptions, heNormal, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** Stages as timm groups them: output channels of the pointwise convolutions, the first block's stride, number of blocks. */
const STAGES = [
  { channels: 64, stride: 1, blocks: 1 },
  { channels: 128, stride: 2, blocks: 2 },
  { channels: 256, stride: 2, blocks: 2 },
  { channels: 512, stride: 2, blocks: 6 },
  { channels: 1024, stride: 2, blocks: 2 },
];

const STEM_CHANNELS = 32;

/** The `cifar` variant differs in the stem's stride alone (after kuangliu/pytorch-cifar). */
const VARIANTS = {
  imagenet: { stemStride: 2, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, inputSize: 32, classes: 10 },
};

export interface MobileNetV1Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded down. Default: 1. */
  width?: number;
  /** timm and TF-slim use ReLU6, many published weights ReLU. Default: 'relu6'. */
  activation?: Activation;
}

/**
 * Builds MobileNetV1: images [n, size, size, 3] to logits [n, classes]. Layer names are timm's module paths; at stride 2 the
 * padding of 1 is a layer of its own (`….pad`), as PyTorch pads both sides and TensorFlow's `same` does not.
 * @throws RangeError where the width or the sizes are not positive, or the width leaves a layer without channels.
 * @example
 * ```ts
 * const model = mobilenetv1({ variant: 'cifar', width: 0.25, classes: 10, seed: 1 });
 * const logits = model.predict(tf.zeros([1, 32, 32, 3])) as tf.Tensor2D; // [1, 10]
 * ```
 */
export function mobilenetv1(options: MobileNetV1Options = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, activation = 'relu6', seed = 0 } = options;
  const { classes, inputSize, stemStride } = resolveVariant('mobilenetv1', VARIANTS, variant, options);
  const scaled = (channels: number) => Math.trunc(channels * width);
  if (!(scaled(STEM_CHANNELS) >= 1)) {
    throw new RangeError(`A width of ${width} leaves the stem without channels; give at least ${1 / STEM_CHANNELS}.`);
  }
  // timm's initialisation for this family divides the fan-out by the groups.
  const layers = new LayerBuilder(
    seed,
    heNormal(({ area, outputs, groups }) => (area * outputs) / groups),
  );
  const normed = (x: tf.SymbolicTensor, name: string) =>
    layers.activation(layers.norm(x, name), `${name}.act`, activation);

  const input = layers.input(inputSize);
  const stem = { channels: scaled(STEM_CHANNELS), kernel: 3, stride: stemStride };
  let x = normed(layers.convolution(input, 'conv_stem', stem), 'bn1');

  STAGES.forEach(({ channels, stride, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const path = `blocks.${stage}.${block}`;
      x = layers.depthwise(x, `${path}.conv_dw`, { kernel: 3, stride: block === 0 ? stride : 1 });
      x = normed(x, `${path}.bn1`);
      x = layers.convolution(x, `${path}.conv_pw`, { channels: scaled(channels) });
      x = normed(x, `${path}.bn2`);
    }
  });

  const classifier = tf.layers.dense({
    units: classes,
    name: 'classifier',
    kernelInitializer: layers.uniform(1 / Math.sqrt(classes)),
  });
  const logits = classifier.apply(layers.globalPool(x, 'global_pool')) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: logits, name: 'mobilenetv1' });
}

export const MOBILENETV1: Backbone = {
  build: mobilenetv1,
  family: 'MobileNetV1',
  reference: 'timm 1.0 mobilenetv1_100',
  licence: 'Apache-2.0',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width', 'activation'],
  sizes: {
    imagenet: { parameters: 4_231_976, macs: 568_740_352, basis: 45_504, map: 25_114_464 },
    cifar: {
      parameters: 3_217_226,
      macs: 46_354_432,
      outputs: { conv_stem: [32, 32, 32], 'blocks.4.1.conv_pw': [2, 2, 1024] },
    },
  },
  signature: { tensors: [137], stem: 'conv_stem', head: 'classifier' },
  published: [
    {
      weights: 'mobilenetv1_100.ra4_e3600_r224_in1k',
      top1: 75.388,
      source: 'timm, results-imagenet.csv',
      preprocessing: {
        ...TORCHVISION_PREPROCESSING,
        interpolation: 'bicubic',
        mean: [0.5, 0.5, 0.5],
        std: [0.5, 0.5, 0.5],
      },
    },
    {
      weights: 'TF-slim, by the paper',
      top1: 70.6,
      source: 'arXiv 1704.04861, table 8',
      preprocessing: TORCHVISION_PREPROCESSING,
      note: 'no PyTorch weights: another padding and batch-norm constant; the preprocessing is what re-implementations use',
    },
  ],
  refconv: 'The stem and the depthwise 3×3 convolutions: all but the pointwise ones, which have no spatial kernel.',
  features: {
    segmentation: { low: 'blocks.2.1', high: 'blocks.4.1' },
    detection: { stride16: 'blocks.3.5', stride32: 'blocks.4.1' },
    dilation: 'timm',
  },
};
