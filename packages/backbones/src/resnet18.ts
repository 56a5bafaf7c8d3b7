/** ResNet-18 (arXiv 1512.03385), as torchvision's `resnet18` (pytorch/vision, BSD-3-Clause). */
import * as tf from '@tensorflow/tfjs';
import { type Backbone, BOTH_VARIANTS, COMMON_OPTIONS, TORCHVISION_PREPROCESSING } from './backbone.js';
import { type CommonOptions, channelsOf, fanOut, LayerBuilder, resolveVariant } from './layerBuilder.js';

/** Basic blocks: channels, the first block's stride, number of blocks. */
const STAGES = [
  { channels: 64, stride: 1, blocks: 2 },
  { channels: 128, stride: 2, blocks: 2 },
  { channels: 256, stride: 2, blocks: 2 },
  { channels: 512, stride: 2, blocks: 2 },
];

/** The `cifar` variant has another stem and no max pooling (after kuangliu/pytorch-cifar, MIT). */
const VARIANTS = {
  imagenet: { stem: { channels: 64, kernel: 7, stride: 2 }, maxPool: true, inputSize: 224, classes: 1000 },
  cifar: { stem: { channels: 64, kernel: 3, stride: 1 }, maxPool: false, inputSize: 32, classes: 10 },
};

export interface ResNet18Options extends CommonOptions {
  /** Default: 'imagenet'. */
  variant?: keyof typeof VARIANTS;
}

/**
 * Builds ResNet-18: images [n, size, size, 3] to logits [n, classes]. Layer names are torchvision's module paths, in both
 * variants; what is no module of its own there is named beside them: `layer1.0.relu1` and `relu2` (one module there, used
 * twice), `layer1.0.add`, `….pad`.
 *
 * 11,689,512 parameters and 1,814,073,344 MACs at 224×224; cifar: 11,173,962 and 555,422,720 at 32×32.
 * @throws RangeError where the sizes are not positive.
 */
export function resnet18(options: ResNet18Options = {}): tf.LayersModel {
  const { variant = 'imagenet', seed = 0 } = options;
  const { classes, inputSize, stem, maxPool } = resolveVariant('resnet18', VARIANTS, variant, options);
  const layers = new LayerBuilder(seed, fanOut);
  const relu = (x: tf.SymbolicTensor, name: string) => layers.activation(x, name, 'relu');

  const input = layers.input(inputSize);
  let x = relu(layers.norm(layers.convolution(input, 'conv1', stem), 'bn1'), 'relu');
  if (maxPool) {
    // Zeros stand in for PyTorch's −∞: after a ReLU they change no maximum.
    const pool = tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'valid', name: 'maxpool' });
    x = pool.apply(layers.padded(x, 'maxpool', 3, 2)) as tf.SymbolicTensor;
  }

  STAGES.forEach(({ channels, stride: firstStride, blocks }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const path = `layer${stage + 1}.${block}`;
      const stride = block === 0 ? firstStride : 1;
      let shortcut = x;
      x = layers.convolution(x, `${path}.conv1`, { channels, kernel: 3, stride });
      x = relu(layers.norm(x, `${path}.bn1`), `${path}.relu1`);
      x = layers.convolution(x, `${path}.conv2`, { channels, kernel: 3 });
      x = layers.norm(x, `${path}.bn2`);
      if (stride !== 1 || channelsOf(shortcut) !== channels) {
        shortcut = layers.convolution(shortcut, `${path}.downsample.0`, { channels, stride });
        shortcut = layers.norm(shortcut, `${path}.downsample.1`);
      }
      x = relu(layers.add(x, shortcut, `${path}.add`), `${path}.relu2`);
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
  return tf.model({ inputs: input, outputs: classifier.apply(x) as tf.SymbolicTensor, name: 'resnet18' });
}

export const RESNET18: Backbone = {
  build: resnet18,
  family: 'ResNet',
  reference: 'torchvision resnet18',
  licence: 'BSD-3-Clause',
  variants: BOTH_VARIANTS,
  options: COMMON_OPTIONS,
  published: [
    {
      weights: 'resnet18-f37072fd.pth',
      top1: 69.758,
      source: 'torchvision, ResNet18_Weights.IMAGENET1K_V1',
      preprocessing: TORCHVISION_PREPROCESSING,
    },
  ],
  refconv: 'The 7×7 stem and all 3×3 convolutions; the shortcuts are 1×1.',
};
