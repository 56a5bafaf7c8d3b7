/** Dilated depthwise convolution: tf.layers' DepthwiseConv2D takes a dilationRate and computes without it. */
import * as tf from '@tensorflow/tfjs';

type StockArgs = Parameters<typeof tf.layers.depthwiseConv2d>[0];
type Shape = (number | null)[];

interface StockLayer extends tf.layers.Layer {
  kernelSize: [number, number];
  strides: [number, number];
  padding: 'same' | 'valid';
  dataFormat: 'channelsFirst' | 'channelsLast';
  dilationRate: [number, number];
  depthwiseKernel: { read(): tf.Tensor };
  bias: { read(): tf.Tensor } | null;
  activation: { apply(x: tf.Tensor): tf.Tensor } | null;
}

/** tfjs does not export its layer's class, but makes instances of it. */
const Stock = Object.getPrototypeOf(tf.layers.depthwiseConv2d({ kernelSize: 1, name: 'stock' })).constructor as (new (
  args: StockArgs,
) => StockLayer) &
  tf.serialization.SerializableConstructor<StockLayer>;

/** The kernel that @refconv/tensorflow registers; on other backends the image's interleaved parts are convolved. */
const KERNEL = 'DilatedDepthwiseConv2D';

/**
 * tf.layers.depthwiseConv2d with its `dilationRate`, at stride 1: images [n, h, w, C] to [n, h', w', C·depthMultiplier]. It saves under a
 * class name of its own, so that stock tfjs, which would compute without the dilation, refuses to load it.
 * @throws RangeError for strides above 1, and for 'channelsFirst'.
 */
export class DilatedDepthwiseConv2D extends Stock {
  static override className = 'DilatedDepthwiseConv2D';

  constructor(args: StockArgs) {
    super(args);
    if (this.strides.some((stride) => stride !== 1))
      throw new RangeError(`DilatedDepthwiseConv2D has stride 1; ${this.name} was given strides ${this.strides}.`);
    if (this.dataFormat === 'channelsFirst')
      throw new RangeError(
        `DilatedDepthwiseConv2D takes images as channelsLast; ${this.name} was given channelsFirst.`,
      );
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const stock = super.computeOutputShape(inputShape) as Shape;
    if (this.padding === 'same') return stock;
    const [n, height, width, channels] = stock as [number | null, number | null, number | null, number];
    const lost = ([0, 1] as const).map((axis) => (this.kernelSize[axis] - 1) * (this.dilationRate[axis] - 1)) as [
      number,
      number,
    ];
    return [n, height === null ? null : height - lost[0], width === null ? null : width - lost[1], channels];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
    return tf.tidy(() => {
      const kernel = this.depthwiseKernel.read() as tf.Tensor4D;
      const convolved = dilatedDepthwiseConv2d(x, kernel, this.padding, this.dilationRate);
      const y = this.bias ? tf.add(convolved, this.bias.read()) : convolved;
      return this.activation ? this.activation.apply(y) : y;
    });
  }
}

tf.serialization.registerClass(DilatedDepthwiseConv2D);

/**
 * tf.depthwiseConv2d at stride 1 with dilation, and with gradients, which tfjs lacks: images [n, h, w, C] and a kernel [kh, kw, C, m]
 * to [n, h', w', C·m].
 * @example
 * ```ts
 * const kernel = tf.ones<tf.Rank.R4>([3, 3, 3, 1]);
 * const y = dilatedDepthwiseConv2d(images, kernel, 'same', [2, 2]); // sees 5×5 pixels by 9 weights
 * ```
 */
export function dilatedDepthwiseConv2d(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  pad: 'same' | 'valid',
  dilations: [number, number],
): tf.Tensor4D {
  if (tf.getKernel(KERNEL, tf.getBackend())) {
    const attributes = { strides: 1, pad, dilations, dataFormat: 'NHWC' };
    return tf.engine().runKernel(KERNEL, { x, filter }, attributes) as tf.Tensor4D;
  }
  // Every dilation-th row and column is an image of its own, whose convolution is an undilated one.
  const sides = ([0, 1] as const).map((axis) => {
    const [size, dilation] = [x.shape[axis + 1] as number, dilations[axis]];
    const reach = (filter.shape[axis] - 1) * dilation;
    const before = pad === 'same' ? Math.floor(reach / 2) : 0;
    const out = pad === 'same' ? size : size - reach;
    const part = Math.ceil((before + size + (pad === 'same' ? reach - before : 0)) / dilation);
    return { zeros: [before, part * dilation - size - before], crop: [0, part * dilation - reach - out] };
  });
  return tf.tidy(() => {
    const parts = tf.spaceToBatchND(
      x,
      dilations,
      sides.map(({ zeros }) => zeros),
    );
    return tf.batchToSpaceND(
      tf.depthwiseConv2d(parts, filter, 1, 'valid'),
      dilations,
      sides.map(({ crop }) => crop),
    );
  });
}
