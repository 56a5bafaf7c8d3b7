/** What the networks' builders share: their options, and the layers that the tables of stages are made of. */
import { type BatchNorm2dArgs, batchNorm2d, GroupedConv2D, HardSigmoid, HardSwish } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

type Tensor = tf.SymbolicTensor;

export interface CommonOptions {
  /** Default: 1000, for cifar 10. */
  classes?: number;
  /** Height and width of the images in pixels. Default: 224, for cifar 32. */
  inputSize?: number;
  /** Seed of the initial weights; the same seed gives the same weights. Default: 0. */
  seed?: number;
}

/**
 * The variant's preset, with the classes and the input size that the options give instead.
 * @throws RangeError for an unknown variant, and where classes or input size are not positive integers.
 */
export function resolveVariant<Preset extends { classes: number; inputSize: number }>(
  network: string,
  variants: Record<string, Preset>,
  variant: string,
  options: CommonOptions,
): Omit<Preset, 'classes' | 'inputSize'> & Required<Pick<CommonOptions, 'classes' | 'inputSize'>> {
  const preset = Object.hasOwn(variants, variant) ? variants[variant] : undefined;
  if (!preset)
    throw new RangeError(`${network} has no variant '${variant}'; it has ${Object.keys(variants).join(' and ')}.`);
  const { classes = preset.classes, inputSize = preset.inputSize } = options;
  for (const [name, value] of Object.entries({ classes, inputSize })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer; given ${value}.`);
  }
  return { ...preset, classes, inputSize };
}

/** @throws RangeError where a factor on channel numbers is not positive. */
export function checkWidth(width: number): void {
  if (!(width > 0 && width < Infinity)) throw new RangeError(`width must be positive; given ${width}.`);
}

/** @throws RangeError where the option, a share of what is dropped in training, is not in [0, 1). */
export function checkRate(option: 'dropout' | 'stochasticDepth', rate: number): void {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`${option} must be in [0, 1); given ${rate}.`);
}

/** The divisor's multiple nearest to a number of channels, but never less than 90 % of it (torchvision's _make_divisible). */
export function toMultipleOf(divisor: number, channels: number): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

export const toMultipleOf8 = (channels: number) => toMultipleOf(8, channels);

export interface Kernel {
  /** Of its layer. */
  name: string;
  /** Height times width. */
  area: number;
  inputs: number;
  outputs: number;
  groups: number;
}

type Initializer = ReturnType<typeof tf.initializers.zeros>;

/** How a network's kernels start. */
export type KernelRule = (kernel: Kernel, layers: LayerBuilder) => Initializer;

/** Normal with the standard deviation √(2 / fan) (He et al., arXiv 1502.01852). */
export function heNormal(fan: (kernel: Kernel) => number): KernelRule {
  return (kernel, layers) => layers.normal(Math.sqrt(2 / fan(kernel)));
}

/** {@link heNormal} with PyTorch's fan-out, which takes no account of groups. */
export const fanOut = heNormal(({ area, outputs }) => area * outputs);

/**
 * What PyTorch's convolutions start from where nothing else is said: uniform in ±1 / √(fan-in).
 * @example
 * ```ts
 * const layers = new LayerBuilder(1, torchDefault); // convolutions start as PyTorch's do
 * ```
 */
export const torchDefault: KernelRule = ({ area, inputs, groups }, layers) =>
  layers.uniform(1 / Math.sqrt((area * inputs) / groups));

export interface ConvolutionOptions {
  channels: number;
  /** Default: 1. */
  kernel?: number;
  /** Default: 1. */
  stride?: number;
  /** Of a convolution that is not depthwise, at stride 1. Default: 1. */
  dilation?: number;
  /** Default: 1. */
  groups?: number;
  /** Whether it has a bias, which starts at 0. Default: false. */
  bias?: boolean;
}

/** 'swish' is also known as SiLU. */
export type Activation = 'relu' | 'relu6' | 'gelu' | 'swish' | 'sigmoid' | 'hardSwish' | 'hardSigmoid';

/** Those that tf.layers lacks, or has with another meaning. */
const ACTIVATION_LAYERS: Partial<Record<Activation, new (args: { name: string }) => tf.layers.Layer>> = {
  hardSwish: HardSwish,
  hardSigmoid: HardSigmoid,
};

/** Makes the layers of one network, with initial weights that follow from its seed and the layers' order. */
export class LayerBuilder {
  /** @param drawn how many draws of this seed others have made. */
  constructor(
    private readonly seed: number,
    private readonly rule: KernelRule,
    private drawn = 0,
  ) {}

  normal(stddev: number) {
    return tf.initializers.randomNormal({ mean: 0, stddev, seed: this.nextSeed() });
  }

  /** Uniform in ±bound. */
  uniform(bound: number) {
    return tf.initializers.randomUniform({ minval: -bound, maxval: bound, seed: this.nextSeed() });
  }

  private nextSeed() {
    return this.seed * 1000 + ++this.drawn;
  }

  input(size: number): Tensor {
    return tf.input({ shape: [size, size, 3], name: 'input' });
  }

  /** A convolution that pads by (kernel − 1) / 2, or not at all where kernel and stride are equal. */
  convolution(x: Tensor, name: string, options: ConvolutionOptions): Tensor {
    const { channels, kernel = 1, stride = 1, dilation = 1, groups = 1, bias = false } = options;
    const args = {
      ...placement(name, kernel, stride, bias),
      filters: channels,
      dilationRate: dilation,
      kernelInitializer: this.rule({ name, area: kernel ** 2, inputs: channelsOf(x), outputs: channels, groups }, this),
    };
    const layer = groups === 1 ? tf.layers.conv2d(args) : new GroupedConv2D({ ...args, groups });
    return layer.apply(this.padded(x, name, kernel, stride)) as Tensor;
  }

  /** A depthwise convolution that pads by (kernel − 1) / 2. */
  depthwise(x: Tensor, name: string, options: Omit<ConvolutionOptions, 'channels' | 'groups' | 'dilation'>): Tensor {
    const { kernel = 1, stride = 1, bias = false } = options;
    const channels = channelsOf(x);
    const layer = tf.layers.depthwiseConv2d({
      ...placement(name, kernel, stride, bias),
      depthwiseInitializer: this.rule(
        { name, area: kernel ** 2, inputs: channels, outputs: channels, groups: channels },
        this,
      ),
    });
    return layer.apply(this.padded(x, name, kernel, stride)) as Tensor;
  }

  /**
   * PyTorch pads both sides; TensorFlow's `same` does so at stride 1 alone, so at others the padding is a layer, `<name>.pad`.
   * Patches, whose kernel equals the stride, are not padded.
   */
  padded(x: Tensor, name: string, kernel: number, stride: number): Tensor {
    if (stride === 1 || kernel === 1 || kernel === stride) return x;
    return tf.layers.zeroPadding2d({ padding: (kernel - 1) / 2, name: `${name}.pad` }).apply(x) as Tensor;
  }

  norm(x: Tensor, name: string, options: Omit<BatchNorm2dArgs, 'name'> = {}): Tensor {
    return batchNorm2d({ name, ...options }).apply(x) as Tensor;
  }

  activation(x: Tensor, name: string, activation: Activation): Tensor {
    const Layer = ACTIVATION_LAYERS[activation];
    // Only those that tf.layers knows are left.
    const stock = activation as NonNullable<Parameters<typeof tf.layers.activation>[0]['activation']>;
    const layer = Layer ? new Layer({ name }) : tf.layers.activation({ activation: stock, name });
    return layer.apply(x) as Tensor;
  }

  /** Drops single features in training; at rate 0 there is no layer. */
  dropout(x: Tensor, name: string, rate: number): Tensor {
    return rate === 0 ? x : (tf.layers.dropout({ rate, name }).apply(x) as Tensor);
  }

  /** Drops all of [n, h, w, c] for some of the images in training (stochastic depth, arXiv 1603.09382); at rate 0 there is no layer. */
  stochasticDepth(x: Tensor, name: string, rate: number): Tensor {
    // tfjs fills a null in from the input's shape, which its types leave out.
    const noiseShape = [null, 1, 1, 1] as unknown as number[];
    return rate === 0 ? x : (tf.layers.dropout({ rate, noiseShape, name }).apply(x) as Tensor);
  }

  add(x: Tensor, y: Tensor, name: string): Tensor {
    return tf.layers.add({ name }).apply([x, y]) as Tensor;
  }

  /** One after the other along the channels. */
  concatenate(parts: Tensor[], name: string): Tensor {
    return tf.layers.concatenate({ name }).apply(parts) as Tensor;
  }

  /** 3×3 at stride 2, padded by 1. To be used after a ReLU: zeros stand in for PyTorch's −∞. */
  maxPool(x: Tensor, name: string): Tensor {
    const pool = tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'valid', name });
    return pool.apply(this.padded(x, name, 3, 2)) as Tensor;
  }

  /** [n, h, w, c] to the mean over h and w, [n, c]. */
  globalPool(x: Tensor, name: string): Tensor {
    return tf.layers.globalAveragePooling2d({ name }).apply(x) as Tensor;
  }
}

const placement = (name: string, kernelSize: number, stride: number, useBias: boolean) =>
  ({ name, kernelSize, strides: stride, padding: stride === 1 ? 'same' : 'valid', useBias }) as const;

/**
 * Channels of [n, h, w, c] or [n, c].
 * @example
 * ```ts
 * channelsOf(tf.input({ shape: [8, 8, 32] })); // 32
 * ```
 */
export const channelsOf = (x: Tensor) => x.shape.at(-1) as number;
