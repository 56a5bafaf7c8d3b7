/** What is known about a network: the form of the registry's entries, which each family's file fills in for its own networks. */
import type { LayersModel } from '@tensorflow/tfjs';
import type { Activation, CommonOptions } from './layerBuilder.js';

/** What any of the networks can be told; each takes some of it (see {@link Backbone.options}). */
export interface BackboneOptions extends CommonOptions {
  variant?: 'imagenet' | 'cifar';
  /** Factor on the channel numbers. */
  width?: number;
  activation?: Activation;
  /** Share of the features dropped before the classifier in training. */
  dropout?: number;
  /** Half the channels from the last stride on. */
  reducedTail?: boolean;
  /** Share of the images that the last block drops in training, of the others less. */
  stochasticDepth?: number;
}

/** How images are prepared for published weights: resized, cropped at the centre, then (pixel − mean) / std. */
export interface Preprocessing {
  /** Length that the shorter side is resized to, in pixels; undefined: the images are taken as they are. */
  resize?: number;
  /** Height and width of the crop, in pixels. */
  crop: number;
  /** Of the resizing; with antialiasing as in PIL, except `bilinear-opencv`, which has none. */
  interpolation?: 'bilinear' | 'bicubic' | 'bilinear-opencv';
  channels: 'RGB' | 'BGR';
  /** What pixels range over before mean and std. */
  range: readonly [0, 1] | readonly [0, 255];
  /** In the order of the channels. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/** Weights that somebody published, or a result where no weights are public. */
export interface PublishedResult {
  /** File name or identifier of the weights, or whose result it is. */
  weights: string;
  /** Accuracy in percent on ImageNet's validation images, or on CIFAR-10's test images for a network of that data set alone. */
  top1: number;
  /** Where the number stands. */
  source: string;
  preprocessing: Preprocessing;
  /** What sets these weights apart from the network with its default options. */
  note?: string;
}

/**
 * Which layers are dilated where a stride is taken out. torchvision's MobileNetV3: the layer that had the stride and those behind it;
 * timm, and torchvision's ResNet: those behind it.
 */
export type DilationDialect = 'torchvision' | 'timm';

/** Where dense prediction reads a network's features: paths of modules, whose outputs they are, after normalisation and activation. */
export interface FeatureTaps {
  /** At stride 8, and the last; and for an auxiliary loss, where that is not of `low`. */
  segmentation: { low: string; high: string; auxiliary?: string };
  /** Of SSDLite: the first two maps. */
  detection: { stride16: string; stride32: string };
  /** The references' form at output stride 16; left out where they have none. */
  dilation?: DilationDialect;
}

/** A variant with its default options, in numbers. */
export interface BackboneSize {
  /** Those that are trained; moving statistics are not. */
  parameters: number;
  /** Multiply-adds of one image. */
  macs: number;
  /** Numbers of all W_b and W_r when RefConv takes what it can. */
  basis?: number;
  map?: number;
  /** Outputs of some layers, [height, width, channels]. */
  outputs?: Readonly<Record<string, readonly number[]>>;
}

/** What a network's state_dict is known by, in short: building all networks to ask would take a minute. */
export interface Signature {
  /** How many tensors its variants have. */
  tensors: readonly number[];
  /** The first and the last layer with weights: the last one makes the logits. */
  stem: string;
  head: string;
}

export interface Backbone {
  /** Images [n, size, size, 3] to logits [n, classes]. */
  build(options?: BackboneOptions): LayersModel;
  family: string;
  /** The implementation that layer names and function follow. */
  reference: string;
  /** The reference's licence (SPDX). */
  licence: string;
  /** The variants, the default first. */
  variants: readonly NonNullable<BackboneOptions['variant']>[];
  /** The options that this network takes. */
  options: readonly (keyof BackboneOptions)[];
  /** Its variants in numbers, which the tests compare with what it has; a network of a user's own may leave them out. */
  sizes?: Partial<Record<NonNullable<BackboneOptions['variant']>, BackboneSize>>;
  /** Left out: weights are not known to be this network's. */
  signature?: Signature;
  /** The first one's preprocessing is the network's default; of a network of a user's own there may be none. */
  published: readonly PublishedResult[];
  /** Which convolutions RefConv takes, and why. */
  refconv: string;
  /** Left out: the field knows no standard ones. */
  features?: FeatureTaps;
  /**
   * From the keys of other implementations of the same network, W_r's among them, to those of here: one function for each, which gives undefined for
   * a key that is not its implementation's.
   */
  renamings?: readonly ((key: string) => string | undefined)[];
}

export const COMMON_OPTIONS = ['variant', 'classes', 'inputSize', 'seed'] as const;
export const BOTH_VARIANTS = ['imagenet', 'cifar'] as const;

/** ImageNet's channel means and standard deviations as torchvision uses them. */
const IMAGENET_STATISTICS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** Evaluation as torchvision's recipes did it first. */
export const TORCHVISION_PREPROCESSING = {
  resize: 256,
  crop: 224,
  interpolation: 'bilinear',
  channels: 'RGB',
  range: [0, 1],
  ...IMAGENET_STATISTICS,
} as const satisfies Preprocessing;

/** timm's names before and after the blocks of a network whose torchvision form ends with `features.<last>`. */
export function aroundBlocks(key: string, last: number): string | undefined {
  const paths: Record<string, string> = {
    conv_stem: 'features.0.0',
    bn1: 'features.0.1',
    conv_head: `features.${last}.0`,
    bn2: `features.${last}.1`,
    classifier: 'classifier.1',
  };
  const [first = '', ...rest] = key.split('.');
  return paths[first] && [paths[first], ...rest].join('.');
}
