/** Grouped convolution: tf.layers' Conv2D with `groups`, which tfjs lacks. */
import * as tf from '@tensorflow/tfjs';

type StockArgs = Parameters<typeof tf.layers.conv2d>[0];
type Shape = (number | null)[];

export interface GroupedConv2DArgs extends StockArgs {
  /** Into how many parts the channels are split, each with filters of its own; it must divide channels and filters. Default: 1. */
  groups?: number;
}

interface StockLayer extends tf.layers.Layer {
  filters: number;
  strides: [number, number];
  padding: 'same' | 'valid';
  dataFormat: 'channelsFirst' | 'channelsLast';
  dilationRate: [number, number];
  kernel: { read(): tf.Tensor };
  bias: { read(): tf.Tensor } | null;
  activation: { apply(x: tf.Tensor): tf.Tensor };
}

/** tfjs does not export its layer's class, but makes instances of it. */
const Stock = Object.getPrototypeOf(tf.layers.conv2d({ filters: 1, kernelSize: 1, name: 'stock' }))
  .constructor as (new (args: StockArgs) => StockLayer) & tf.serialization.SerializableConstructor<StockLayer>;

/** The kernel that @refconv/tensorflow registers; on other backends the groups are convolved one by one. */
const KERNEL = 'GroupedConv2D';

/**
 * tf.layers.conv2d plus {@link GroupedConv2DArgs.groups}: images [n, h, w, Cin] to [n, h', w', filters], with a kernel of shape
 * [kh, kw, Cin / groups, filters]. The first filters / groups filters see the first Cin / groups channels, and so on, as in PyTorch.
 * @throws RangeError for groups that are no positive integer or do not divide filters or channels, and for 'channelsFirst'.
 */
export class GroupedConv2D extends Stock {
  static override className = 'GroupedConv2D';
  readonly groups: number;

  constructor(args: GroupedConv2DArgs) {
    super(args);
    this.groups = args.groups ?? 1;
    if (!Number.isInteger(this.groups) || this.groups < 1)
      throw new RangeError(`groups must be a positive integer; given ${this.groups} for ${this.name}.`);
    this.checkDivides('filters', this.filters);
    if (this.dataFormat === 'channelsFirst')
      throw new RangeError(`GroupedConv2D takes images as channelsLast; ${this.name} was given channelsFirst.`);
  }

  private checkDivides(what: string, count: number): void {
    if (count % this.groups !== 0)
      throw new RangeError(`${this.name} has ${count} ${what}, which its ${this.groups} groups do not divide.`);
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape;
    const channels = shape.at(-1);
    // Without a number the stock layer throws its own error.
    if (typeof channels === 'number') this.checkDivides('input channels', channels);
    super.build([...shape.slice(0, -1), channels ? channels / this.groups : null]);
    this.inputSpec = [{ ndim: 4, axes: { 3: channels as number } }];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
    return tf.tidy(() => {
      const { strides, padding, dilationRate } = this;
      const convolved = groupedConv2d(x, this.kernel.read() as tf.Tensor4D, strides, padding, dilationRate);
      return this.activation.apply(this.bias ? tf.add(convolved, this.bias.read()) : convolved);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), groups: this.groups };
  }
}

tf.serialization.registerClass(GroupedConv2D);

/**
 * tf.conv2d with groups: images [n, h, w, Cin] and a kernel [kh, kw, Cin / groups, filters], whose third dimension must divide the
 * channels. Strides or dilations must be 1.
 * @example
 * ```ts
 * const x = tf.zeros<tf.Rank.R4>([1, 8, 8, 6]);
 * const y = groupedConv2d(x, tf.zeros([3, 3, 2, 12]), 1, 'same'); // 3 groups, as 6 / 2 says: [1, 8, 8, 12]
 * ```
 */
export function groupedConv2d(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  strides: number | [number, number],
  pad: 'same' | 'valid',
  dilations: number | [number, number] = 1,
): tf.Tensor4D {
  if (tf.getKernel(KERNEL, tf.getBackend())) {
    return tf.engine().runKernel(KERNEL, { x, filter }, { strides, pad, dilations, dataFormat: 'NHWC' }) as tf.Tensor4D;
  }
  const groups = x.shape[3] / filter.shape[2];
  const convolve = (part: tf.Tensor4D, kernel: tf.Tensor4D) => tf.conv2d(part, kernel, strides, pad, 'NHWC', dilations);
  // tfjs has no gradient of a split into one.
  if (groups === 1) return convolve(x, filter);
  const kernels = tf.split<tf.Tensor4D>(filter, groups, 3);
  const parts = tf.split<tf.Tensor4D>(x, groups, 3);
  return tf.concat(
    parts.map((part, group) => convolve(part, kernels[group] as tf.Tensor4D)),
    3,
  );
}
