/** What the networks' builders share: their options, and the layers that the tables of stages are made of. */
import { batchNorm2d } from '@refconv/layers';
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

/** The number under the root of a kernel's initial standard deviation √(2 / fan); `area` is the kernel's height times its width. */
export type Fan = (kernel: { area: number; inputs: number; outputs: number; groups: number }) => number;

/** PyTorch's fan-out, which takes no account of groups. */
export const fanOut: Fan = ({ area, outputs }) => area * outputs;

export type Activation = 'relu' | 'relu6';

/** Makes the layers of one network, with initial weights that follow from its seed and the layers' order. */
export class LayerBuilder {
  private drawn = 0;

  constructor(
    private readonly seed: number,
    private readonly fan: Fan,
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

  /** A convolution without bias that pads by (kernel − 1) / 2. */
  convolution(
    x: Tensor,
    name: string,
    { channels, kernel = 1, stride = 1 }: { channels: number; kernel?: number; stride?: number },
  ): Tensor {
    const stddev = this.deviation(kernel, channelsOf(x), channels, 1);
    const layer = tf.layers.conv2d({
      ...placement(name, kernel, stride),
      filters: channels,
      kernelInitializer: this.normal(stddev),
    });
    return layer.apply(this.padded(x, name, kernel, stride)) as Tensor;
  }

  /** A depthwise convolution without bias that pads by (kernel − 1) / 2. */
  depthwise(x: Tensor, name: string, { kernel, stride }: { kernel: number; stride: number }): Tensor {
    const channels = channelsOf(x);
    const layer = tf.layers.depthwiseConv2d({
      ...placement(name, kernel, stride),
      depthwiseInitializer: this.normal(this.deviation(kernel, channels, channels, channels)),
    });
    return layer.apply(this.padded(x, name, kernel, stride)) as Tensor;
  }

  private deviation(kernel: number, inputs: number, outputs: number, groups: number) {
    return Math.sqrt(2 / this.fan({ area: kernel ** 2, inputs, outputs, groups }));
  }

  /** PyTorch pads both sides; TensorFlow's `same` does so at stride 1 alone, so at others the padding is a layer, `<name>.pad`. */
  padded(x: Tensor, name: string, kernel: number, stride: number): Tensor {
    if (stride === 1 || kernel === 1) return x;
    return tf.layers.zeroPadding2d({ padding: (kernel - 1) / 2, name: `${name}.pad` }).apply(x) as Tensor;
  }

  norm(x: Tensor, name: string): Tensor {
    return batchNorm2d({ name }).apply(x) as Tensor;
  }

  activation(x: Tensor, name: string, activation: Activation): Tensor {
    return tf.layers.activation({ activation, name }).apply(x) as Tensor;
  }

  add(x: Tensor, y: Tensor, name: string): Tensor {
    return tf.layers.add({ name }).apply([x, y]) as Tensor;
  }

  /** [n, h, w, c] to the mean over h and w, [n, c]. */
  globalPool(x: Tensor, name: string): Tensor {
    return tf.layers.globalAveragePooling2d({ name }).apply(x) as Tensor;
  }
}

const placement = (name: string, kernelSize: number, stride: number) =>
  ({ name, kernelSize, strides: stride, padding: stride === 1 ? 'same' : 'valid', useBias: false }) as const;

/** Channels of [n, h, w, c] or [n, c]. */
export const channelsOf = (x: Tensor) => x.shape.at(-1) as number;
