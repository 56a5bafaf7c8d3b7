/** The convolutions of tf.layers and of packages/layers: what a re-parameterisation must know of them, and how to compute them. */
import { DilatedDepthwiseConv2D, dilatedDepthwiseConv2d, GroupedConv2D, groupedConv2d } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

/** The classes of layers that can be exchanged. */
export const PLAIN_CLASSES = ['Conv2D', 'DepthwiseConv2D', 'DilatedDepthwiseConv2D', 'GroupedConv2D'] as const;
export type PlainClass = (typeof PLAIN_CLASSES)[number];

/** A tfjs variable of a layer. */
export interface Variable {
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

/** A convolution kernel's variable. */
export interface KernelVariable extends Variable {
  read(): tf.Tensor4D;
}

/** A layer of one of those classes: the parts of tfjs's classes that its declarations leave out. */
export interface ConvolutionLayer extends tf.layers.Layer {
  readonly kernelSize: [height: number, width: number];
  readonly strides: [number, number];
  readonly dilationRate: [number, number];
  readonly padding: 'same' | 'valid' | 'causal';
  readonly dataFormat: 'channelsFirst' | 'channelsLast';
  readonly useBias: boolean;
  readonly groups?: number;
  readonly bias?: Variable | null;
  readonly activation?: tf.serialization.Serializable & { apply(x: tf.Tensor): tf.Tensor };
}
type StockClass = (new (args: never) => ConvolutionLayer) & tf.serialization.SerializableConstructor<ConvolutionLayer>;

/** tfjs does not export its layers' classes, but makes instances of them. The name spares tfjs's numbering of unnamed layers. */
const stock = (layer: tf.layers.Layer) => Object.getPrototypeOf(layer).constructor as StockClass;

/** Each class, where its layer keeps the kernel, and the name of that weight. */
export const PLAIN: Record<PlainClass, { Stock: StockClass; field: 'kernel' | 'depthwiseKernel'; weight: string }> = {
  Conv2D: {
    Stock: stock(tf.layers.conv2d({ filters: 1, kernelSize: 1, name: 'stock' })),
    field: 'kernel',
    weight: 'kernel',
  },
  DepthwiseConv2D: {
    Stock: stock(tf.layers.depthwiseConv2d({ kernelSize: 1, name: 'stock' })),
    field: 'depthwiseKernel',
    weight: 'depthwise_kernel',
  },
  DilatedDepthwiseConv2D: {
    Stock: DilatedDepthwiseConv2D as unknown as StockClass,
    field: 'depthwiseKernel',
    weight: 'depthwise_kernel',
  },
  GroupedConv2D: { Stock: GroupedConv2D as unknown as StockClass, field: 'kernel', weight: 'kernel' },
};

export function isConvolution(layer: tf.layers.Layer): layer is ConvolutionLayer {
  return (PLAIN_CLASSES as readonly string[]).includes(layer.getClassName());
}

/** Rows of zeros above and below an image, and columns left and right of it. */
export type Zeros = [rows: [number, number], columns: [number, number]];

export const NO_ZEROS: Zeros = [
  [0, 0],
  [0, 0],
];

/** What a re-parameterisation must know of a convolution. */
export interface Convolution {
  readonly layer: ConvolutionLayer;
  /** `depthwise`: kernel [kh, kw, C, m], outputs c·m + q. `dense`: [kh, kw, Cin/groups, Cout]. */
  readonly kind: 'dense' | 'depthwise';
  readonly kernelShape: [height: number, width: number, inputs: number, outputs: number];
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly dilations: [number, number];
  /** Zeros that a layer before this one has put around the image; a convolution that pads by itself has none. */
  readonly zeros: Zeros;
}

/** Describes a built layer. */
export function convolutionOf(layer: ConvolutionLayer, kernel: tf.Tensor4D, zeros: Zeros): Convolution {
  const { shape: kernelShape } = kernel;
  const [, , third, fourth] = kernelShape;
  const { groups = 1, dilationRate: dilations } = layer;
  if ('depthwiseKernel' in layer) {
    const outputs = third * fourth;
    return { layer, kind: 'depthwise', kernelShape, inputs: third, outputs, groups: third, dilations, zeros };
  }
  return { layer, kind: 'dense', kernelShape, inputs: third * groups, outputs: fourth, groups, dilations, zeros };
}

export const isDilatedDepthwise = ({ kind, dilations }: Pick<Convolution, 'kind' | 'dilations'>) =>
  kind === 'depthwise' && dilations.some((rate) => rate !== 1);

/** The kernel of a layer of one of the plain classes, or of one that extends it. */
export function plainKernel(layer: ConvolutionLayer, plainClass = layer.getClassName() as PlainClass): KernelVariable {
  return (layer as unknown as Record<string, KernelVariable>)[PLAIN[plainClass].field] as KernelVariable;
}

/** The convolution with another kernel, and where given with other strides and padding. */
export function convolve(
  { layer, kind, groups, dilations }: Convolution,
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { strides = layer.strides, padding = layer.padding as 'same' | 'valid' } = {},
): tf.Tensor4D {
  if (isDilatedDepthwise({ kind, dilations })) return dilatedDepthwiseConv2d(x, kernel, padding, dilations);
  if (kind === 'depthwise') return tf.depthwiseConv2d(x, kernel, strides, padding);
  if (groups > 1) return groupedConv2d(x, kernel, strides, padding, dilations);
  return tf.conv2d(x, kernel, strides, padding, 'NHWC', dilations);
}

/** The zeros that the layer itself puts around images of this shape. */
export function ownPadding({ layer, kernelShape, kind, dilations }: Convolution, imageShape: number[]): Zeros {
  const { padInfo } = tf.backend_util.computeConv2DInfo(
    imageShape as [number, number, number, number],
    kernelShape,
    layer.strides,
    dilations,
    layer.padding as 'same',
    undefined,
    kind === 'depthwise',
  );
  return [
    [padInfo.top, padInfo.bottom],
    [padInfo.left, padInfo.right],
  ];
}

/** The image without so many rows and columns at its sides. */
export function crop(x: tf.Tensor4D, [[top, bottom], [left, right]]: Zeros): tf.Tensor4D {
  if (top + bottom + left + right === 0) return x;
  const [n, h, w, c] = x.shape;
  return tf.slice(x, [0, top, left, 0], [n, h - top - bottom, w - left - right, c]);
}

/**
 * The image for a kernel of size 1 in rows, columns or both, so that with the same strides and padding its windows lie at the middles
 * of the k×k kernel's.
 */
export function centred(convolution: Convolution, x: tf.Tensor4D, axes: { rows: boolean; columns: boolean }) {
  const { layer, kernelShape, dilations } = convolution;
  const padding = ownPadding(convolution, x.shape);
  const sides = ([axes.rows, axes.columns] as const).map((reduced, axis) => {
    if (!reduced) return [0, 0];
    const reach = ((kernelShape[axis] as number) - 1) / 2;
    const middle = reach * (dilations[axis] as number);
    const [before] = padding[axis] as [number, number];
    return [middle - before, layer.padding === 'valid' ? middle : 0];
  });
  return crop(x, sides as Zeros);
}

/** A 1×1 convolution in the same groups as a dense one; as strided as the layer's own where nothing else is given. */
export function pointwise(
  convolution: Convolution,
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { strides = convolution.layer.strides }: { strides?: [number, number] } = {},
): tf.Tensor4D {
  const { groups } = convolution;
  return groups > 1 ? groupedConv2d(x, kernel, strides, 'valid') : tf.conv2d(x, kernel, strides, 'valid');
}
