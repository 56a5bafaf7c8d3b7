/**
 * Convolutions with everything that TensorFlow can do and tfjs refuses: groups, explicit padding, gradients of dilated ones.
 * Layouts: images NHWC, kernels [kh, kw, Cin/groups, Cout], depthwise kernels [kh, kw, C, multiplier].
 */
import type { Tensor, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import type { Attribute } from '../native.js';
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

function convInfo(inputShape: number[], filterShape: number[], attrs: ConvAttributes, depthwise: boolean): ConvInfo {
  const { strides, pad, dilations, dataFormat = 'NHWC', dimRoundingMode } = attrs;
  return tf.backend_util.computeConv2DInfo(
    inputShape as never,
    filterShape as never,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    depthwise,
    dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast',
  );
}

function convAttributes(info: ConvInfo): Attribute[] {
  const last = info.dataFormat === 'channelsLast';
  const spatial = (h: number, w: number) => (last ? [1, h, w, 1] : [1, 1, h, w]);
  const { type, top, bottom, left, right } = info.padInfo;
  const explicit = type !== 'SAME' && type !== 'VALID';
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

/**
 * A dilated convolution as an undilated one over the image's interleaved parts. TensorFlow has the gradients of this on every
 * device, and on a CPU no depthwise convolution with dilation either.
 */
function interleaved(x: Tensor4D, filter: Tensor4D, info: ConvInfo, kernelName: string): Tensor {
  if (info.dataFormat !== 'channelsLast') {
    throw new Error('A dilated convolution in the layout NCHW has no gradient in TensorFlow; give the images as NHWC.');
  }
  const { dilationHeight: dh, dilationWidth: dw, padInfo, inHeight, inWidth, outHeight, outWidth } = info;
  const fill = (size: number, block: number) => (block - (size % block)) % block;
  const height = inHeight + padInfo.top + padInfo.bottom;
  const width = inWidth + padInfo.left + padInfo.right;
  const rows = [padInfo.top, padInfo.bottom + fill(height, dh)];
  const columns = [padInfo.left, padInfo.right + fill(width, dw)];
  const parts = tf.spaceToBatchND(x, [dh, dw], [rows, columns]);
  const inputs = { x: parts, filter } as never;
  const attrs = { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1 };
  const y = tf.engine().runKernel(kernelName, inputs, attrs) as Tensor;
  const [, h, w] = y.shape as [number, number, number, number];
  return tf.batchToSpaceND(y, [dh, dw], [
    [0, h * dh - outHeight],
    [0, w * dw - outWidth],
  ]);
}

function registerConvolution(kernelName: string, op: string, depthwise: boolean): void {
  replaceKernel(kernelName, ({ inputs, attrs }) => {
    const { x, filter } = inputs as { x: TensorInfo; filter: TensorInfo };
    const info = convInfo(x.shape, filter.shape, attrs as unknown as ConvAttributes, depthwise);
    if (depthwise && isDilated(info)) {
      const [images, kernel] = [x, filter].map((input) => tf.engine().makeTensorFromTensorInfo(input)) as [Tensor4D, Tensor4D];
      return tf.tidy(() => interleaved(images, kernel, info, kernelName));
    }
    return operation(op, [x, filter], convAttributes(info));
  });

  replaceGradient({
    kernelName,
    inputsToSave: ['x', 'filter'],
    gradFunc: (gradient, saved, attrs) => {
      const [x, filter] = saved as [Tensor4D, Tensor4D];
      const dy = gradient as Tensor;
      const info = convInfo(x.shape, filter.shape, attrs as unknown as ConvAttributes, depthwise);
      if (isDilated(info)) {
        const body = (x: Tensor, filter: Tensor) => interleaved(x as Tensor4D, filter as Tensor4D, info, kernelName);
        const [dx, dFilter] = tf.grads(body)([x, filter], dy) as [Tensor, Tensor];
        return { x: () => dx, filter: () => dFilter };
      }
      const shape = (tensor: Tensor) => tf.tensor1d(tensor.shape, 'int32');
      return {
        x: () => operation(`${op}BackpropInput`, [shape(x), filter, dy], convAttributes(info)),
        filter: () => operation(`${op}BackpropFilter`, [x, shape(filter), dy], convAttributes(info)),
      };
    },
  });
}

export function registerConvolutions(): void {
  registerConvolution('Conv2D', 'Conv2D', false);
  registerConvolution(GROUPED_CONV, 'Conv2D', false);
  registerConvolution('DepthwiseConv2dNative', 'DepthwiseConv2dNative', true);
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
 * @throws where Cin or Cout is not divisible by the number of groups.
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
