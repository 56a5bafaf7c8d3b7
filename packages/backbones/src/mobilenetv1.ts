/** MobileNetV1 (arXiv 1704.04861), as timm 1.0's `mobilenetv1_100` (huggingface/pytorch-image-models, Apache-2.0). */
import { batchNorm2d } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

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

export interface MobileNetV1Options {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded down. Default: 1. */
  width?: number;
  /** Default: 1000, for cifar 10. */
  classes?: number;
  /** Height and width of the images in pixels. Default: 224, for cifar 32. */
  inputSize?: number;
  /** timm and TF-slim use ReLU6, many published weights ReLU. Default: 'relu6'. */
  activation?: 'relu' | 'relu6';
  /** Seed of the initial weights; the same seed gives the same weights. Default: 0. */
  seed?: number;
}

/**
 * Builds MobileNetV1: images [n, size, size, 3] to logits [n, classes]. Layer names are timm's module paths; at stride 2 the
 * padding of 1 is a layer of its own (`….pad`), as PyTorch pads both sides and TensorFlow's `same` does not.
 *
 * 4,231,976 parameters and 568,740,352 MACs at 224×224; cifar: 3,217,226 and 46,354,432 at 32×32.
 * @throws RangeError where the width or the sizes are not positive, or the width leaves a layer without channels.
 */
export function mobilenetv1(options: MobileNetV1Options = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, activation = 'relu6', seed = 0 } = options;
  const preset = VARIANTS[variant];
  if (!preset)
    throw new RangeError(`mobilenetv1 has no variant '${variant}'; it has ${Object.keys(VARIANTS).join(' and ')}.`);
  const { classes = preset.classes, inputSize = preset.inputSize } = options;
  for (const [name, value] of Object.entries({ classes, inputSize })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer; given ${value}.`);
  }
  const scaled = (channels: number) => Math.trunc(channels * width);
  if (!(scaled(STEM_CHANNELS) >= 1)) {
    throw new RangeError(`A width of ${width} leaves the stem without channels; give at least ${1 / STEM_CHANNELS}.`);
  }

  let layerCount = 0;
  /** timm's initialisation for this family: N(0, √(2 / fan-out)), fan-out divided by the groups. */
  const normal = (fanOut: number) =>
    tf.initializers.randomNormal({ mean: 0, stddev: Math.sqrt(2 / fanOut), seed: seed * 1000 + ++layerCount });
  const norm = (x: tf.SymbolicTensor, name: string) => {
    const y = batchNorm2d({ name }).apply(x);
    return tf.layers.activation({ activation, name: `${name}.act` }).apply(y) as tf.SymbolicTensor;
  };
  const padded = (x: tf.SymbolicTensor, stride: number, name: string) =>
    stride === 1 ? x : (tf.layers.zeroPadding2d({ padding: 1, name: `${name}.pad` }).apply(x) as tf.SymbolicTensor);
  const placement = (stride: number, name: string) =>
    ({ name, strides: stride, padding: stride === 1 ? 'same' : 'valid', useBias: false }) as const;

  const input = tf.input({ shape: [inputSize, inputSize, 3], name: 'input' });
  const stem = tf.layers.conv2d({
    ...placement(preset.stemStride, 'conv_stem'),
    filters: scaled(STEM_CHANNELS),
    kernelSize: 3,
    kernelInitializer: normal(9 * scaled(STEM_CHANNELS)),
  });
  let x = norm(stem.apply(padded(input, preset.stemStride, 'conv_stem')) as tf.SymbolicTensor, 'bn1');

  STAGES.forEach(({ channels, stride: firstStride, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const path = `blocks.${stage}.${block}`;
      const stride = block === 0 ? firstStride : 1;
      const depthwise = tf.layers.depthwiseConv2d({
        ...placement(stride, `${path}.conv_dw`),
        kernelSize: 3,
        depthwiseInitializer: normal(9),
      });
      x = norm(depthwise.apply(padded(x, stride, `${path}.conv_dw`)) as tf.SymbolicTensor, `${path}.bn1`);
      const pointwise = tf.layers.conv2d({
        ...placement(1, `${path}.conv_pw`),
        filters: scaled(channels),
        kernelSize: 1,
        kernelInitializer: normal(scaled(channels)),
      });
      x = norm(pointwise.apply(x) as tf.SymbolicTensor, `${path}.bn2`);
    }
  });

  const pooled = tf.layers.globalAveragePooling2d({ name: 'global_pool' }).apply(x) as tf.SymbolicTensor;
  const range = 1 / Math.sqrt(classes);
  const classifier = tf.layers.dense({
    units: classes,
    name: 'classifier',
    kernelInitializer: tf.initializers.randomUniform({ minval: -range, maxval: range, seed: seed * 1000 }),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(pooled) as tf.SymbolicTensor, name: 'mobilenetv1' });
}
