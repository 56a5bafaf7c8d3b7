/**
 * The CPU kernels of `native/`, in the place of TensorFlow's own: matrix products for 1×1 convolutions and for maps over kernels, the gradient
 * of depthwise kernels, batch norm in two passes with the activation inside. On a GPU TensorFlow's (cuDNN's) stay.
 */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { backend, currentRecorder } from '../backend.js';
import { tf } from '../load.js';
import { attribute, operation, operations } from './operation.js';

/** Whether they are in use; REFCONV_CPU_KERNELS=0 turns them off, so that graphs hold TensorFlow's own operations alone. */
export const cpuKernels = !backend.isUsingGpuDevice && process.env.REFCONV_CPU_KERNELS !== '0';

/** Whether they are in use for what is computed or recorded now. */
export const usesCpuKernels = () => cpuKernels && !currentRecorder()?.stockOperations;

/** Whether each of them has a value for each channel of x, as the kernels of batch norms and the gradients made for that expect. */
export const haveChannels = (x: TensorInfo, ...values: TensorInfo[]) =>
  values.every(({ shape }) => shape.length === 1 && shape[0] === x.shape.at(-1));

/** x [n, h, w, Cin] by a kernel [1, 1, Cin, Cout]. */
export const pointwise = (x: TensorInfo, kernel: TensorInfo) => operation('RefconvPointwise', [x, kernel], []);

export const pointwiseGradient = (x: TensorInfo, kernel: TensorInfo, dy: TensorInfo) => ({
  x: () => operation('RefconvPointwiseInputGrad', [dy, kernel, x], []),
  filter: () => operation('RefconvPointwiseKernelGrad', [x, dy, kernel], []),
});

/** Sizes of depthwise kernels that there are. */
export const DEPTHWISE_SIZES = [3, 5, 7];

/** Where a depthwise kernel lies; `top` are the rows of zeros above the image, `left` the columns left of it. */
export interface DepthwisePlacement {
  stride: number;
  /** Default: 1. One of it and the stride is 1. */
  dilation?: number;
  top: number;
  left: number;
}

const placementAttributes = (kernel: TensorInfo, { stride, dilation = 1, top, left }: DepthwisePlacement) => [
  attribute.int('kernel', kernel.shape[0] as number),
  attribute.int('stride', stride),
  attribute.int('dilation', dilation),
  attribute.int('pad_top', top),
  attribute.int('pad_left', left),
];

/** The convolution of x with a depthwise kernel [k, k, C, 1], to images of height × width. */
export function depthwise(
  x: TensorInfo,
  kernel: TensorInfo,
  [height, width]: [number, number],
  placement: DepthwisePlacement,
): Tensor {
  return tf.tidy(() => {
    // TensorFlow infers the result's shape from it.
    const size = tf.zeros([height, width]);
    return operation('RefconvDepthwise', [x, kernel, size], placementAttributes(kernel, placement));
  });
}

/** Gradients of {@link depthwise}. */
export const depthwiseGradient = (
  x: TensorInfo,
  kernel: TensorInfo,
  dy: TensorInfo,
  placement: DepthwisePlacement,
) => ({
  x: () => operation('RefconvDepthwiseInputGrad', [dy, kernel, x], placementAttributes(kernel, placement)),
  filter: () => operation('RefconvDepthwiseKernelGrad', [x, dy, kernel], placementAttributes(kernel, placement)),
});

/**
 * Batch statistics of x [.., c].
 * @returns mean, 1/√(variance + ε), and the running mean and variance moved by the factor towards the batch's mean and
 *   unbiased variance; all [c].
 */
export function batchStatistics(
  x: TensorInfo,
  running: [mean: TensorInfo, variance: TensorInfo],
  epsilon: number,
  averageFactor: number,
): [Tensor, Tensor, Tensor, Tensor] {
  const attributes = [attribute.float('epsilon', epsilon), attribute.float('average_factor', averageFactor)];
  return operations('RefconvBatchStatistics', [x, ...running], attributes, 4) as [Tensor, Tensor, Tensor, Tensor];
}

/** (x − mean)·inverse·scale + offset. */
export const normalize = (
  x: TensorInfo,
  [scale, offset, mean, inverse]: [TensorInfo, TensorInfo, TensorInfo, TensorInfo],
) =>
  operation(
    'RefconvNormalize',
    [x, scale, offset, mean, inverse],
    [attribute.int('activation', 0), attribute.int('count', 0)],
  );

/** Gradients of x, scale and offset through {@link normalize} and the batch statistics of x. */
export const normalizeGradient = (
  dy: TensorInfo,
  x: TensorInfo,
  [scale, offset, mean, inverse]: [TensorInfo, TensorInfo, TensorInfo, TensorInfo],
) =>
  operations('RefconvNormalizeGrad', [dy, x, scale, offset, mean, inverse], [attribute.int('activation', 0)], 3) as [
    Tensor,
    Tensor,
    Tensor,
  ];

/** Of those, the gradients of scale and offset alone. */
export const normalizeSums = (
  dy: TensorInfo,
  x: TensorInfo,
  [scale, offset, mean, inverse]: [TensorInfo, TensorInfo, TensorInfo, TensorInfo],
) =>
  operations('RefconvNormalizeSums', [dy, x, scale, offset, mean, inverse], [attribute.int('activation', 0)], 2) as [
    Tensor,
    Tensor,
  ];
