/** HBONet (arXiv 1908.03888), as d-li14/HBONet's `hbonet` (models/imagenet/hbonet.py, Apache-2.0). */
import { ChannelSlice } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import {
  type CommonOptions,
  channelsOf,
  checkWidth,
  fanOut,
  LayerBuilder,
  resolveVariant,
  toMultipleOf,
} from './layerBuilder.js';
import { Sequence } from './sequence.js';

/** The kind of block (inverted residual, harmonious bottleneck, or one pointwise convolution), its expansion, output channels, number of blocks. */
const STAGES = [
  { kind: 'inverted', expansion: 1, channels: 20, blocks: 1 },
  { kind: 'harmonious', expansion: 2, channels: 36, blocks: 1 },
  { kind: 'harmonious', expansion: 2, channels: 72, blocks: 3 },
  { kind: 'harmonious', expansion: 2, channels: 96, blocks: 4 },
  { kind: 'harmonious', expansion: 2, channels: 192, blocks: 4 },
  { kind: 'harmonious', expansion: 2, channels: 288, blocks: 1 },
  { kind: 'pointwise', expansion: 1, channels: 144, blocks: 1 },
  { kind: 'inverted', expansion: 6, channels: 200, blocks: 2 },
  { kind: 'inverted', expansion: 6, channels: 400, blocks: 1 },
] as const;

const STEM_CHANNELS = 32;
/** These never become fewer. */
const HEAD_CHANNELS = 1600;

/** `strides` are those of each stage's first block; `inputMultiple`: the bottlenecks halve and double sizes, so these must be even. */
const VARIANTS = {
  imagenet: { stemStride: 2, strides: [1, 1, 2, 2, 2, 1, 1, 2, 1], inputMultiple: 32, inputSize: 224, classes: 1000 },
  cifar: { stemStride: 1, strides: [1, 1, 1, 2, 2, 1, 1, 2, 1], inputMultiple: 8, inputSize: 32, classes: 10 },
};

export interface HBONetOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
  /** Factor on all channel numbers, rounded to multiples of 8 (2 at 0.25 and 0.5, 4 at 0.1); the head's 1600 never become fewer. Default: 1. */
  width?: number;
}

/**
 * Builds HBONet: images [n, size, size, 3] to logits [n, classes]. Layer names are the reference's module paths; `….identity`,
 * `….first`, `….add`, `….concat` and `….pad` are no modules there.
 * @throws RangeError where the width or the sizes are not positive, or the input size is no multiple of 32 (cifar: 8).
 * @example
 * ```ts
 * const model = hbonet({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export function hbonet(options: HBONetOptions = {}): tf.LayersModel {
  const { variant = 'imagenet', width = 1, seed = 0 } = options;
  const preset = resolveVariant('hbonet', VARIANTS, variant, options);
  const { inputSize, inputMultiple } = preset;
  checkWidth(width);
  if (inputSize % inputMultiple !== 0)
    throw new RangeError(`hbonet takes images whose size is a multiple of ${inputMultiple}; given ${inputSize}.`);
  const divisor = { 0.1: 4, 0.25: 2, 0.5: 2 }[width] ?? 8;
  const scaled = (channels: number) => toMultipleOf(divisor, channels * width);
  const layers = new LayerBuilder(seed, fanOut);

  const input = layers.input(inputSize);
  const stem = new Sequence(layers, input, 'features.0');
  let x = stem.convolution(scaled(STEM_CHANNELS), 3, preset.stemStride).relu6().x;

  let feature = 1;
  STAGES.forEach(({ kind, expansion, channels, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 ? (preset.strides[stage] as number) : 1;
      x = BLOCKS[kind](layers, x, `features.${feature++}`, { expansion, channels: scaled(channels), stride });
    }
  });

  const head = width > 1 ? scaled(HEAD_CHANNELS) : HEAD_CHANNELS;
  x = new Sequence(layers, x, 'conv').convolution(head).relu6().x;
  const classifier = tf.layers.dense({
    units: preset.classes,
    name: 'classifier',
    kernelInitializer: layers.normal(0.01),
  });
  const logits = classifier.apply(layers.globalPool(x, 'avgpool')) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: logits, name: 'hbonet' });
}

type Block = (
  layers: LayerBuilder,
  x: tf.SymbolicTensor,
  path: string,
  options: { expansion: number; channels: number; stride: number },
) => tf.SymbolicTensor;

/** MobileNetV2's block. */
const inverted: Block = (layers, x, path, { expansion, channels, stride }) => {
  const inner = new Sequence(layers, x, `${path}.conv`);
  if (expansion !== 1) inner.convolution(channelsOf(x) * expansion).relu6();
  inner.depthwise(3, stride).relu6().convolution(channels);
  return stride === 1 && channelsOf(x) === channels ? layers.add(x, inner.x, `${path}.add`) : inner.x;
};

/**
 * The harmonious bottleneck: the last of the input's channels pass, beside as many new ones that are made at half the size. At
 * stride 1 these are enlarged again and added to the first of the input's channels.
 */
const harmonious: Block = (layers, x, path, { expansion, channels, stride }) => {
  const [given, made] = [channelsOf(x), Math.floor(channels / 2)];
  const passed = channels - made;
  const slice = (begin: number, size: number, name: string) =>
    new ChannelSlice({ begin, size, name: `${path}.${name}` }).apply(x) as tf.SymbolicTensor;

  const inner = new Sequence(layers, x, `${path}.conv`);
  inner
    .depthwise(5, 2)
    .convolution(given * expansion)
    .relu6()
    .depthwise(3)
    .relu6()
    .convolution(made);
  const identity = slice(given - passed, passed, 'identity');
  if (stride === 2) {
    const pool = tf.layers.averagePooling2d({ poolSize: 2, strides: 2, name: `${path}.avgpool` });
    return layers.concatenate([pool.apply(identity) as tf.SymbolicTensor, inner.x], `${path}.concat`);
  }
  const enlarge = tf.layers.upSampling2d({ size: [2, 2], name: `${path}.upsample` });
  const sum = layers.add(slice(0, made, 'first'), enlarge.apply(inner.x) as tf.SymbolicTensor, `${path}.add`);
  return layers.concatenate([identity, new Sequence(layers, sum, `${path}.upconv`).depthwise(5).x], `${path}.concat`);
};

const pointwise: Block = (layers, x, path, { channels }) => new Sequence(layers, x, path).convolution(channels).x;

const BLOCKS = { inverted, harmonious, pointwise };

export const HBONET: Backbone = {
  build: hbonet,
  family: 'HBONet',
  reference: 'd-li14/HBONet hbonet',
  licence: 'Apache-2.0',
  variants: BOTH_VARIANTS,
  options: [...COMMON_OPTIONS, 'width'],
  sizes: {
    imagenet: { parameters: 4_562_116, macs: 305_572_480, basis: 108_804, map: 42_265_296 },
    cifar: {
      parameters: 2_978_098,
      macs: 84_354_688,
      outputs: { 'features.0.0': [32, 32, 32], 'features.4.concat': [32, 32, 72], 'conv.0': [4, 4, 1600] },
    },
  },
  signature: { tensors: [382, 387], stem: 'features.0.0', head: 'classifier' },
  published: [
    {
      weights: 'pretrained/hbonet_1_0.pth',
      top1: 73.1,
      source: 'd-li14/HBONet, README',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
  refconv:
    'The stem and the depthwise 3×3 and 5×5 convolutions: all but the pointwise ones, which have no spatial kernel.',
};
