/** ResNet (arXiv 1512.03385), as torchvision's `resnet18` and `resnet50` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type CommonOptions, channelsOf, fanOut, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** A block's convolutions: each one's channels as a multiple of the stage's, and kernel. */
const BASIC = [
  { expansion: 1, kernel: 3 },
  { expansion: 1, kernel: 3 },
];
const BOTTLENECK = [
  { expansion: 1, kernel: 1 },
  { expansion: 1, kernel: 3 },
  { expansion: 4, kernel: 1 },
];

/** `blocks` are the numbers of blocks in each stage. A block's stride is at its first 3×3 convolution. */
const DEPTHS = {
  resnet18: { block: BASIC, blocks: [2, 2, 2, 2] },
  resnet50: { block: BOTTLENECK, blocks: [3, 4, 6, 3] },
};

/** Channels and the first block's stride. */
const STAGES = [
  { channels: 64, stride: 1 },
  { channels: 128, stride: 2 },
  { channels: 256, stride: 2 },
  { channels: 512, stride: 2 },
];

/** The `cifar` variant has another stem and no max pooling (after kuangliu/pytorch-cifar, MIT). */
const VARIANTS = {
  imagenet: { stem: { channels: 64, kernel: 7, stride: 2 }, maxPool: true, inputSize: 224, classes: 1000 },
  cifar: { stem: { channels: 64, kernel: 3, stride: 1 }, maxPool: false, inputSize: 32, classes: 10 },
};

export interface ResNetOptions extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
}

/**
 * Images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths, in both variants; what is no module
 * of its own there is named beside them: `layer1.0.relu1` and `relu2` (one module there, used more than once), `layer1.0.add`, `….pad`.
 */
function resnet(id: keyof typeof DEPTHS, options: ResNetOptions): tf.LayersModel {
  const { variant = 'imagenet', seed = 0 } = options;
  const { classes, inputSize, stem, maxPool } = resolveVariant(id, VARIANTS, variant, options);
  const { block: convolutions, blocks } = DEPTHS[id];
  const layers = new LayerBuilder(seed, fanOut);
  const relu = (x: tf.SymbolicTensor, name: string) => layers.activation(x, name, 'relu');

  const input = layers.input(inputSize);
  let x = relu(layers.norm(layers.convolution(input, 'conv1', stem), 'bn1'), 'relu');
  if (maxPool) x = layers.maxPool(x, 'maxpool');

  STAGES.forEach(({ channels, stride: firstStride }, stage) => {
    for (let block = 0; block < (blocks[stage] as number); block++) {
      const path = `layer${stage + 1}.${block}`;
      const stride = block === 0 ? firstStride : 1;
      const strided = convolutions.findIndex(({ kernel }) => kernel === 3);
      let shortcut = x;
      convolutions.forEach(({ expansion, kernel }, i) => {
        if (i > 0) x = relu(x, `${path}.relu${i}`);
        const convolution = { channels: channels * expansion, kernel, stride: i === strided ? stride : 1 };
        x = layers.norm(layers.convolution(x, `${path}.conv${i + 1}`, convolution), `${path}.bn${i + 1}`);
      });
      if (stride !== 1 || channelsOf(shortcut) !== channelsOf(x)) {
        shortcut = layers.convolution(shortcut, `${path}.downsample.0`, { channels: channelsOf(x), stride });
        shortcut = layers.norm(shortcut, `${path}.downsample.1`);
      }
      x = relu(layers.add(x, shortcut, `${path}.add`), `${path}.relu${convolutions.length}`);
    }
  });

  x = layers.globalPool(x, 'avgpool');
  const bound = 1 / Math.sqrt(channelsOf(x));
  const classifier = tf.layers.dense({
    units: classes,
    name: 'fc',
    kernelInitializer: layers.uniform(bound),
    biasInitializer: layers.uniform(bound),
  });
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: id });
}

/**
 * Builds ResNet-18: images [n, size, size, 3] to logits [n, classes].
 * @throws RangeError where the sizes are not positive.
 * @example
 * ```ts
 * const model = resnet18({ variant: 'cifar', classes: 10, seed: 1 });
 * ```
 */
export const resnet18 = (options: ResNetOptions = {}) => resnet('resnet18', options);

/**
 * Builds ResNet-50 with the stride in the 3×3 convolutions ("v1.5"): images [n, size, size, 3] to logits [n, classes].
 * @throws RangeError where the sizes are not positive.
 * @example
 * ```ts
 * const model = resnet50(); // 1000 classes at 224×224
 * ```
 */
export const resnet50 = (options: ResNetOptions = {}) => resnet('resnet50', options);

const COMMON = {
  family: 'ResNet',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: COMMON_OPTIONS,
} as const;

export const RESNET18: Backbone = {
  ...COMMON,
  build: resnet18,
  reference: 'torchvision resnet18',
  sizes: {
    imagenet: { parameters: 11_689_512, macs: 1_814_073_344, basis: 10_994_880, map: 10_987_200 },
    cifar: {
      parameters: 11_173_962,
      macs: 555_422_720,
      outputs: { conv1: [32, 32, 64], 'layer1.1.relu2': [32, 32, 64], 'layer4.1.relu2': [4, 4, 512] },
    },
  },
  signature: { tensors: [102], stem: 'conv1', head: 'fc' },
  published: [
    {
      weights: 'resnet18-f37072fd.pth',
      top1: 69.758,
      source: 'torchvision, ResNet18_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
  refconv: 'The 7×7 stem and all 3×3 convolutions; the shortcuts are 1×1.',
  features: {
    segmentation: { low: 'layer2', high: 'layer4', auxiliary: 'layer3' },
    detection: { stride16: 'layer3', stride32: 'layer4' },
  },
};

export const RESNET50: Backbone = {
  ...COMMON,
  build: resnet50,
  reference: 'torchvision resnet50',
  sizes: {
    imagenet: { parameters: 25_557_032, macs: 4_089_184_256, basis: 11_326_656, map: 11_318_976 },
    cifar: {
      parameters: 23_520_842,
      macs: 1_297_829_888,
      outputs: { conv1: [32, 32, 64], 'layer1.2.relu3': [32, 32, 256], 'layer4.2.relu3': [4, 4, 2048] },
    },
  },
  signature: { tensors: [267], stem: 'conv1', head: 'fc' },
  published: [
    {
      weights: 'resnet50-0676ba61.pth',
      top1: 76.13,
      source: 'torchvision, ResNet50_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
    {
      weights: 'resnet50-11ad3fa6.pth',
      top1: 80.858,
      source: 'torchvision, ResNet50_Weights.IMAGENET1K_V2',
      preprocessing: { ...TORCHVISION_PREPROCESSING, resize: 232 },
    },
  ],
  refconv: 'The 7×7 stem and the 3×3 convolutions of the bottlenecks; the other two of each and the shortcuts are 1×1.',
  features: {
    segmentation: { low: 'layer2', high: 'layer4', auxiliary: 'layer3' },
    detection: { stride16: 'layer3', stride32: 'layer4' },
    dilation: 'timm',
  },
};
