/** Layers that reorder and part the channels, which are the last axis. */
import * as tf from '@tensorflow/tfjs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];
type Shape = (number | null)[];

const onlyTensor = (inputs: tf.Tensor | tf.Tensor[]) => (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
const onlyShape = (shape: Shape | Shape[]) => (Array.isArray(shape[0]) ? shape[0] : shape) as Shape;

export type ChannelShuffleArgs = LayerArgs & {
  /** Into how many groups of channels that lie together the channels are split; it must divide them. */
  groups: number;
};

/**
 * Channel shuffle (ShuffleNet, arXiv 1707.01083, section 3.1): takes the groups' first channels, then their second ones, and so on,
 * so that with C channels the output's channel i·groups + j is the input's j·C/groups + i. Its inverse is the shuffle with C/groups
 * groups.
 * @throws RangeError for groups that are no positive integer or do not divide the channels.
 */
export class ChannelShuffle extends tf.layers.Layer {
  static className = 'ChannelShuffle';
  readonly groups: number;

  constructor(args: ChannelShuffleArgs) {
    super(args);
    this.groups = args.groups;
    if (!Number.isInteger(this.groups) || this.groups < 1)
      throw new RangeError(`groups must be a positive integer; given ${this.groups} for ${this.name}.`);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = onlyShape(inputShape);
    const channels = shape.at(-1) as number;
    if (channels % this.groups !== 0)
      throw new RangeError(`${this.name} has ${channels} channels, which its ${this.groups} groups do not divide.`);
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = onlyTensor(inputs);
    this.computeOutputShape(x.shape);
    return tf.tidy(() => {
      const grouped = tf.reshape(x, [-1, this.groups, (x.shape.at(-1) as number) / this.groups]);
      return tf.reshape(tf.transpose(grouped, [0, 2, 1]), x.shape);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), groups: this.groups };
  }
}

export type ChannelSplitArgs = LayerArgs & {
  /** How many channels each output takes, in order; their sum must be the input's channels. */
  sizes: number[];
};

/**
 * Parts the channels: one input, as many outputs as `sizes`.
 * @throws RangeError for less than two sizes, for one that is no positive integer, and where their sum is not the number of channels.
 */
export class ChannelSplit extends tf.layers.Layer {
  static className = 'ChannelSplit';
  readonly sizes: number[];

  constructor(args: ChannelSplitArgs) {
    super(args);
    this.sizes = [...args.sizes];
    if (this.sizes.length < 2 || !this.sizes.every((size) => Number.isInteger(size) && size > 0))
      throw new RangeError(`sizes must be two or more positive integers; given ${this.sizes} for ${this.name}.`);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape[] {
    const shape = onlyShape(inputShape);
    const [channels, sum] = [shape.at(-1), this.sizes.reduce((sum, size) => sum + size)];
    if (channels !== sum)
      throw new RangeError(`${this.name} splits ${sum} channels as ${this.sizes.join(' + ')}; given ${channels}.`);
    return this.sizes.map((size) => [...shape.slice(0, -1), size]);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
    const x = onlyTensor(inputs);
    this.computeOutputShape(x.shape);
    return tf.split(x, this.sizes, -1);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), sizes: this.sizes };
  }
}

export type ChannelSliceArgs = LayerArgs & {
  /** The first channel taken. */
  begin: number;
  /** The number of channels taken. */
  size: number;
};

/**
 * Takes channels that lie together. Unlike the parts of {@link ChannelSplit}, those of several slices may overlap.
 * @throws RangeError where `begin` is no integer from 0, `size` no positive integer, or the input has too few channels.
 */
export class ChannelSlice extends tf.layers.Layer {
  static className = 'ChannelSlice';
  readonly begin: number;
  readonly size: number;

  constructor(args: ChannelSliceArgs) {
    super(args);
    this.begin = args.begin;
    this.size = args.size;
    const isValid = Number.isInteger(this.begin) && Number.isInteger(this.size) && this.begin >= 0 && this.size >= 1;
    if (!isValid)
      throw new RangeError(
        `begin must be an integer from 0 and size a positive one; given ${this.begin} and ${this.size} for ${this.name}.`,
      );
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = onlyShape(inputShape);
    const [channels, end] = [shape.at(-1) as number, this.begin + this.size];
    if (channels < end) throw new RangeError(`${this.name} takes channels up to ${end}; given ${channels}.`);
    return [...shape.slice(0, -1), this.size];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = onlyTensor(inputs);
    this.computeOutputShape(x.shape);
    const before = x.shape.slice(0, -1);
    return tf.slice(x, [...before.map(() => 0), this.begin], [...before, this.size]);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), begin: this.begin, size: this.size };
  }
}

tf.serialization.registerClass(ChannelShuffle);
tf.serialization.registerClass(ChannelSlice);
tf.serialization.registerClass(ChannelSplit);
