/**
 * Convolutions with everything that TensorFlow can do and tfjs refuses: groups, explicit padding, gradients of dilated ones.
 * Layouts: images NHWC, kernels [kh, kw, Cin/groups, Cout], depthwise kernels [kh, kw, C, multiplier].
 */
import type { Tensor, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import { backend, currentRecorder } from '../backend.js';
import { tf } from '../load.js';
import type { Attribute } from '../native.js';
import {
  DEPTHWISE_SIZES,
  type DepthwisePlacement,
  depthwiseGradient,
  depthwise as depthwiseKernel,
  pointwise,
  pointwiseGradient,
  usesCpuKernels,
} from './cpu.js';
import { attribute, operation, replaceGradient, replaceKernel } from './operation.js';

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type Pad = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];

/** Zeros around the image, in pixels: one number for all sides, or [[top, bottom], [left, right]]. */
export type Padding = 'same' | 'valid' | number | [[number, number], [number, number]];

interface ConvAttributes {
  strides: number | [number, number];
  pad: Pad;
  dilations?: number | [number, number];
  dataFormat?: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** The kernel for grouped convolution; tfjs's own Conv2D is refused by tf.conv2d where the depths differ. */
export const GROUPED_CONV = 'GroupedConv2D';

/** The kernel for dilated depthwise convolution; packages/layers looks for it. */
export const DILATED_DEPTHWISE = 'DilatedDepthwiseConv2D';

function convInfo(inputShape: number[], filterShape: number[], attrs: ConvAttributes, depthwise: boolean): ConvInfo {
  const { strides, dilations, dataFormat = 'NHWC', dimRoundingMode } = attrs;
  let { pad } = attrs;
  if (typeof pad === 'number') {
    // tfjs takes the kernel's height for its width where the padding is a number.
    const [none, both] = [[0, 0] as [number, number], [pad, pad] as [number, number]];
    pad = dataFormat === 'NHWC' ? [none, both, both, none] : [none, none, both, both];
  }
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as never,
    filterShape as never,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    depthwise,
    dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast',
  );
  if (isDilated(info) && (info.strideHeight > 1 || info.strideWidth > 1)) {
    throw new Error(`A convolution was given strides ${strides} and dilations ${dilations}; one of them must be 1.`);
  }
  if (info.outHeight < 1 || info.outWidth < 1) {
    throw new Error(
      `A convolution was given images of ${info.inHeight}×${info.inWidth} and a kernel of ${info.filterHeight}×${info.filterWidth}` +
        `${isDilated(info) ? `, dilated by ${dilations},` : ''} that does not fit into them: its result would be ` +
        `${info.outHeight}×${info.outWidth}. Give larger images or padding.`,
    );
  }
  return info;
}

function convAttributes(info: ConvInfo): Attribute[] {
  const last = info.dataFormat === 'channelsLast';
  const spatial = (h: number, w: number) => (last ? [1, h, w, 1] : [1, 1, h, w]);
  const { type, top, bottom, left, right } = info.padInfo;
  const explicit = isExplicit(info);
  const paddings = last ? [0, 0, top, bottom, left, right, 0, 0] : [0, 0, 0, 0, top, bottom, left, right];
  return [
    attribute.typeNumber('T', 1),
    attribute.int('strides', spatial(info.strideHeight, info.strideWidth)),
    attribute.string('padding', explicit ? 'EXPLICIT' : type),
    attribute.int('explicit_paddings', explicit ? paddings : []),
    attribute.string('data_format', last ? 'NHWC' : 'NCHW'),
    attribute.int('dilations', spatial(info.dilationHeight, info.dilationWidth)),
  ];
}

const isDilated = (info: ConvInfo) => info.dilationHeight > 1 || info.dilationWidth > 1;
const isExplicit = ({ padInfo }: ConvInfo) => padInfo.type !== 'SAME' && padInfo.type !== 'VALID';

/**
 * How a dilated convolution is an undilated one over the image's interleaved parts: `paddings` for tf.spaceToBatchND of the image,
 * `crops` for tf.batchToSpaceND of the result. TensorFlow has the gradients of this on every device, and on a CPU no depthwise
 * convolution with dilation either.
 */
function interleaving(info: ConvInfo): { block: number[]; paddings: number[][]; crops: number[][] } {
  if (info.dataFormat !== 'channelsLast') {
    throw new Error('A dilated convolution in the layout NCHW has no gradient in TensorFlow; give the images as NHWC.');
  }
  const { padInfo } = info;
  const side = (size: number, before: number, after: number, dilation: number, kernel: number, out: number) => {
    const part = Math.ceil((size + before + after) / dilation);
    return { padding: [before, part * dilation - size - before], crop: [0, (part - kernel + 1) * dilation - out] };
  };
  const { dilationHeight: dh, dilationWidth: dw } = info;
  const rows = side(info.inHeight, padInfo.top, padInfo.bottom, dh, info.filterHeight, info.outHeight);
  const columns = side(info.inWidth, padInfo.left, padInfo.right, dw, info.filterWidth, info.outWidth);
  return { block: [dh, dw], paddings: [rows.padding, columns.padding], crops: [rows.crop, columns.crop] };
}

/** Whether there is nothing to sum up, so that all is 0; oneDNN gives a result of another shape then. */
const isEmpty = (x: TensorInfo, filter: TensorInfo) => x.shape.includes(0) || filter.shape.includes(0);

/** A 1×1 convolution that is one matrix product. */
function isPointwise(x: TensorInfo, filter: TensorInfo, info: ConvInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inHeight, inWidth, outHeight, outWidth } = info;
  return (
    usesCpuKernels() &&
    info.dataFormat === 'channelsLast' &&
    [filterHeight, filterWidth, strideHeight, strideWidth].every((size) => size === 1) &&
    inHeight === outHeight &&
    inWidth === outWidth &&
    filter.shape[2] === x.shape[3] &&
    info.outChannels === filter.shape[3]
  );
}

/**
 * A 1×1 convolution that looks at every stride-th pixel alone, on a CPU: it is computed as one of stride 1 of those. oneDNN's gradient of such a
 * kernel is wrong for few channels and writes where it must not (uxlfoundation/oneDNN issue 6035).
 */
function isSampling({ filterHeight, filterWidth, strideHeight, strideWidth, padInfo, dataFormat }: ConvInfo): boolean {
  const { top, bottom, left, right } = padInfo;
  const isSmall = filterHeight === 1 && filterWidth === 1 && top + bottom + left + right === 0;
  const samples = isSmall && (strideHeight > 1 || strideWidth > 1);
  return samples && dataFormat === 'channelsLast' && !backend.isUsingGpuDevice && !currentRecorder()?.stockOperations;
}

/** Every stride-th pixel. */
const sampled = (x: Tensor4D, { strideHeight, strideWidth }: ConvInfo) =>
  tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, strideHeight, strideWidth, 1]) as Tensor4D;

/** Its gradient: zeros between the pixels. */
function sampledGradient(dy: Tensor, { shape }: Tensor4D, { strideHeight, strideWidth }: ConvInfo): Tensor {
  const integers = (values: number[]) => tf.tensor1d(values, 'int32');
  const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'];
  const attributes = [
    attribute.typeNumber('T', 1),
    attribute.typeNumber('Index', 3),
    ...masks.map((name) => attribute.int(name, 0)),
  ];
  const [begin, strides] = [integers([0, 0, 0, 0]), integers([1, strideHeight, strideWidth, 1])];
  return operation('StridedSliceGrad', [integers(shape), begin, integers(shape), strides, dy], attributes);
}

/** A depthwise convolution for which there are CPU kernels. */
function hasDepthwiseKernels(filter: TensorInfo, info: ConvInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
  return (
    usesCpuKernels() &&
    info.dataFormat === 'channelsLast' &&
    filter.shape[3] === 1 &&
    filterHeight === filterWidth &&
    DEPTHWISE_SIZES.includes(filterHeight) &&
    strideHeight === strideWidth &&
    info.dilationHeight === info.dilationWidth
  );
}

const placementOf = ({ strideHeight, dilationHeight, padInfo }: ConvInfo): DepthwisePlacement => ({
  stride: strideHeight,
  dilation: dilationHeight,
  top: padInfo.top,
  left: padInfo.left,
});

/**
 * A grouped convolution as one for each group. TensorFlow without oneDNN has a single operation for it too, but fuses that with the
 * normalisation or bias behind it, and then fails ("does not support grouped convolutions").
 */
function groupByGroup(x: Tensor4D, filter: Tensor4D, convolve: (x: Tensor4D, filter: Tensor4D) => Tensor): Tensor {
  const groups = x.shape[3] / filter.shape[2];
  if (groups === 1) return convolve(x, filter);
  return tf.tidy(() => {
    const filters = tf.split<Tensor4D>(filter, groups, 3);
    const parts = tf.split<Tensor4D>(x, groups, 3);
    return tf.concat(
      parts.map((part, group) => convolve(part, filters[group] as Tensor4D)),
      3,
    );
  });
}

function registerConvolution(kernelName: string, op: string, depthwise: boolean): void {
  const plain = (x: TensorInfo, filter: TensorInfo) =>
    convInfo(x.shape, filter.shape, { strides: 1, pad: 'valid' }, depthwise);
  const forward = (x: TensorInfo, filter: TensorInfo, info: ConvInfo) =>
    isPointwise(x, filter, info)
      ? pointwise(x, filter)
      : depthwise && hasDepthwiseKernels(filter, info)
        ? depthwiseKernel(x, filter, [info.outHeight, info.outWidth], placementOf(info))
        : operation(op, [x, filter], convAttributes(info));
  const shape = (tensor: Tensor) => tf.tensor1d(tensor.shape, 'int32');
  const backward = (x: Tensor, filter: Tensor, dy: Tensor, info: ConvInfo) => {
    if (isPointwise(x, filter, info)) return pointwiseGradient(x, filter, dy);
    if (depthwise && hasDepthwiseKernels(filter, info)) return depthwiseGradient(x, filter, dy, placementOf(info));
    return {
      x: () => operation(`${op}BackpropInput`, [shape(x), filter, dy], convAttributes(info)),
      filter: () => operation(`${op}BackpropFilter`, [x, shape(filter), dy], convAttributes(info)),
    };
  };

  replaceKernel(kernelName, ({ inputs, attrs }) => {
    const { x, filter } = inputs as { x: Tensor4D; filter: Tensor4D };
    const info = convInfo(x.shape, filter.shape, attrs as unknown as ConvAttributes, depthwise);
    if (isEmpty(x, filter)) return tf.zeros(info.outShape);
    if (kernelName === GROUPED_CONV && currentRecorder()?.stockOperations) {
      const part = (x: Tensor4D, filter: Tensor4D) =>
        forward(x, filter, convInfo(x.shape, filter.shape, attrs as unknown as ConvAttributes, false));
      return groupByGroup(x, filter, part);
    }
    if (!depthwise && isSampling(info)) {
      return tf.tidy(() => {
        const pixels = sampled(x, info);
        return forward(pixels, filter, plain(pixels, filter));
      });
    }
    if (!depthwise || !isDilated(info) || hasDepthwiseKernels(filter, info)) return forward(x, filter, info);
    return tf.tidy(() => {
      const { block, paddings, crops } = interleaving(info);
      const parts = tf.spaceToBatchND(x, block, paddings);
      return tf.batchToSpaceND(forward(parts, filter, plain(parts, filter)), block, crops);
    });
  });

  replaceGradient({
    kernelName,
    inputsToSave: ['x', 'filter'],
    gradFunc: (gradient, saved, attrs) => {
      const [x, filter] = saved as [Tensor4D, Tensor4D];
      const dy = gradient as Tensor;
      const info = convInfo(x.shape, filter.shape, attrs as unknown as ConvAttributes, depthwise);
      if (isEmpty(x, filter)) return { x: () => tf.zerosLike(x), filter: () => tf.zerosLike(filter) };
      if (!depthwise && isSampling(info)) {
        const pixels = sampled(x, info);
        const gradients = backward(pixels, filter, dy, plain(pixels, filter));
        return { x: () => sampledGradient(gradients.x(), x, info), filter: gradients.filter };
      }
      // On a CPU only oneDNN has the gradients of a grouped convolution, and it takes no explicit padding.
      if (kernelName === GROUPED_CONV && isExplicit(info) && !isDilated(info) && !backend.isUsingGpuDevice) {
        const { top, bottom, left, right } = info.padInfo;
        const padded = tf.pad(x, [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ]);
        const strides = [info.strideHeight, info.strideWidth] as [number, number];
        const gradients = backward(
          padded,
          filter,
          dy,
          convInfo(padded.shape, filter.shape, { strides, pad: 'valid' }, false),
        );
        return { x: () => tf.slice(gradients.x(), [0, top, left, 0], x.shape), filter: gradients.filter };
      }
      if (!isDilated(info) || (depthwise && hasDepthwiseKernels(filter, info))) return backward(x, filter, dy, info);
      const { block, paddings, crops } = interleaving(info);
      const parts = tf.spaceToBatchND(x, block, paddings);
      const gradients = backward(parts, filter, tf.spaceToBatchND(dy, block, crops), plain(parts, filter));
      return { x: () => tf.batchToSpaceND(gradients.x(), block, paddings), filter: gradients.filter };
    },
  });
}

export function registerConvolutions(): void {
  registerConvolution('Conv2D', 'Conv2D', false);
  registerConvolution(GROUPED_CONV, 'Conv2D', false);
  registerConvolution('DepthwiseConv2dNative', 'DepthwiseConv2dNative', true);
  registerConvolution(DILATED_DEPTHWISE, 'DepthwiseConv2dNative', true);
}

export interface ConvolutionOptions {
  strides?: number | [number, number];
  padding?: Padding;
  dilations?: number | [number, number];
}

/**
 * 2-D convolution, dense or grouped, with gradients.
 * @param x images [n, h, w, Cin].
 * @param filter [kh, kw, Cin/groups, Cout]; the number of groups follows from its third dimension.
 * @param options strides and dilations (one of them must be 1) and padding, default 1, 1 and 'valid'.
 * @throws where Cin or Cout is not divisible by the number of groups, or neither strides nor dilations are 1.
 * @example
 * ```ts
 * const y = conv2d(tf.zeros([1, 8, 8, 6]), tf.zeros([3, 3, 2, 12]), { padding: 'same' }); // 3 groups: [1, 8, 8, 12]
 * ```
 */
export function conv2d(x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions = {}): Tensor4D {
  const { strides = 1, padding = 'valid', dilations = 1 } = options;
  const channels = x.shape[3];
  const [, , perGroup, out] = filter.shape;
  const groups = channels / perGroup;
  if (!Number.isInteger(groups) || out % groups !== 0) {
    throw new Error(
      `conv2d was given images of ${channels} channels and a kernel of shape [${filter.shape}]; the kernel's third dimension must ` +
        'divide the channels, and the groups that result must divide its fourth.',
    );
  }
  const pad = Array.isArray(padding) ? [[0, 0], ...padding, [0, 0]] : padding;
  const attrs = { strides, pad, dilations, dataFormat: 'NHWC' };
  const inputs = { x, filter };
  return tf.engine().runKernel(groups === 1 ? 'Conv2D' : GROUPED_CONV, inputs as never, attrs as never) as Tensor4D;
}
