/**
 * ShuffleNetV2 (arXiv 1807.11164), as torchvision's `shufflenet_v2_x1_0` (pytorch/vision, BSD-3-Clause). The authors' own code
 * (megvii-model/ShuffleNet-Series) is another function with other tensors.
 */
import { ChannelShuffle, ChannelSplit } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type CommonOptions, channelsOf, LayerBuilder, resolveVariant, torchDefault } from './layerBuilder.js';

/** The units of the three stages, the first of each at stride 2. */
const BLOCKS = [4, 8, 4];

const STEM_CHANNELS = 24;

/** By width, the output channels of the stages and of the last 1×1 convolution. */
const CHANNELS: Record<number, { stages: readonly number[]; head: number }> = {
  0.5: { stages: [48, 96, 192], head: 1024 },
  1: { stages: [116, 232, 464], head: 1024 },
  1.5: { stages: [176, 352, 704], head: 1024 },
  2: { stages: [244, 488, 976], head: 2048 },
};

/** The `cifar` variant has stride 1 in the stem and no max pooling. */
const VARIANTS = {
  imagenet: { stemStride: 2, maxPool: true, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, maxPool: false, inputSize: 32, classes: 10 },
};

export interface ShuffleNetV2Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** 0.5, 1, 1.5 or 2. Default: 1. */
  width?: number;
}

/**
 * Builds ShuffleNetV2: images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths; `….chunk`,
 * `….concat`, `….shuffle` and `….pad` are no modules there.
 * @throws RangeError for a width that it has not, and where the sizes are not positive.
 * @example
 * ```ts
 * const model = shufflenetv2({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function shufflenetv2(options: ShuffleNetV2Options = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, seed = 0 } = options;
  const { classes, inputSize, stemStride, maxPool } = resolveVariant('shufflenetv2', VARIANTS, variant, options);
  const channels = CHANNELS[width];
  if (!channels) throw new RangeError(`shufflenetv2 has the widths 0.5, 1, 1.5 and 2; given ${width}.`);
  const layers = new LayerBuilder(seed, torchDefault);
  /** A convolution's normalisation and ReLU, which follow at the next places of its sequence. */
  const finish = (x: tf.SymbolicTensor, path: string, place: number) =>
    layers.activation(layers.norm(x, `${path}.${place}`), `${path}.${place + 1}`, 'relu');

  const input = layers.input(inputSize);
  const stem = { channels: STEM_CHANNELS, kernel: 3, stride: stemStride };
  let x = finish(layers.convolution(input, 'conv1.0', stem), 'conv1', 1);
  if (maxPool) x = layers.maxPool(x, 'maxpool');

  BLOCKS.forEach((blocks, stage) => {
    const half = (channels.stages[stage] as number) / 2;
    for (let block = 0; block < blocks; block++) {
      const path = `stage${stage + 2}.${block}`;
      const stride = block === 0 ? 2 : 1;
      let [kept, taken] = [x, x];
      if (stride === 1) {
        const chunk = new ChannelSplit({ sizes: [half, half], name: `${path}.chunk` });
        [kept, taken] = chunk.apply(x) as [tf.SymbolicTensor, tf.SymbolicTensor];
      } else {
        kept = layers.norm(layers.depthwise(x, `${path}.branch1.0`, { kernel: 3, stride }), `${path}.branch1.1`);
        kept = layers.convolution(kept, `${path}.branch1.2`, { channels: half });
        kept = finish(kept, `${path}.branch1`, 3);
      }
      const branch = `${path}.branch2`;
      taken = finish(layers.convolution(taken, `${branch}.0`, { channels: half }), branch, 1);
      taken = layers.norm(layers.depthwise(taken, `${branch}.3`, { kernel: 3, stride }), `${branch}.4`);
      taken = finish(layers.convolution(taken, `${branch}.5`, { channels: half }), branch, 6);
      const shuffle = new ChannelShuffle({ groups: 2, name: `${path}.shuffle` });
      x = shuffle.apply(layers.concatenate([kept, taken], `${path}.concat`)) as tf.SymbolicTensor;
    }
  });

  x = finish(layers.convolution(x, 'conv5.0', { channels: channels.head }), 'conv5', 1);
  const bound = 1 / Math.sqrt(channelsOf(x));
  const classifier = tf.layers.dense({
    units: classes,
    name: 'fc',
    kernelInitializer: layers.uniform(bound),
    biasInitializer: layers.uniform(bound),
  });
  const logits = classifier.apply(layers.globalPool(x, 'global_pool')) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: logits, name: 'shufflenetv2' });
}

export const SHUFFLENETV2: Backbone = {
  build: shufflenetv2,
  family: 'ShuffleNetV2',
  reference: 'torchvision shufflenet_v2_x1_0',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width'],
  sizes: {
    imagenet: { parameters: 2_278_604, macs: 144_907_992, basis: 22_788, map: 3_638_952 },
    cifar: {
      parameters: 1_263_854,
      macs: 45_002_112,
      outputs: { 'conv1.0': [32, 32, 24], 'stage2.3.concat': [16, 16, 116], 'conv5.0': [4, 4, 1024] },
    },
  },
  signature: { tensors: [282], stem: 'conv1.0', head: 'fc' },
  published: [
    {
      weights: 'shufflenetv2_x1-5666bf0f80.pth',
      top1: 69.362,
      source: 'torchvision, ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
  refconv: 'The stem and the depthwise 3×3 convolutions: all but the 1×1 ones, which have no spatial kernel.',
};
