/** Batch normalisation as TensorFlow's fused operation, in training and in inference, with its fused gradient. */
import type { Tensor, Tensor1D, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { batchStatistics, cpuKernels, haveChannels, normalize, normalizeGradient, usesCpuKernels } from './cpu.js';
import { attribute, operations, replaceGradient, replaceKernel } from './operation.js';
import { composedBatchNorm, composedBatchNormGradient, isSyncBatchNorm } from './syncBatchNorm.js';

/**
 * The kernel that normalises by the batch's own statistics; layers look for it by this name.
 * Inputs x [n, h, w, c], scale, offset [c]; outputs y, batch mean, unbiased batch variance, then what its gradient needs. With
 * `runningMean`, `runningVariance` and the attribute `averageFactor` f < 1 the second and third output are the moving averages
 * (1 − f)·running + f·batch.
 */
export const BATCH_NORM_TRAINING = 'BatchNormTraining';

function attributes(epsilon: number, training: boolean) {
  return [
    attribute.typeNumber('T', 1),
    attribute.typeNumber('U', 1),
    attribute.float('epsilon', epsilon),
    attribute.string('data_format', 'NHWC'),
    attribute.bool('is_training', training),
  ];
}

function gradient(
  dy: Tensor,
  x: Tensor,
  scale: Tensor,
  reserved: [Tensor, Tensor, Tensor],
  epsilon: number,
  training: boolean,
) {
  const inputs = [dy, x, scale, ...reserved];
  // All three are made here: within one entry of the result, tfjs would dispose of the other two.
  const [dx, dScale, dOffset] = operations(
    'FusedBatchNormGradV3',
    inputs,
    attributes(epsilon, training),
    5,
  ) as Tensor[];
  return { x: () => dx as Tensor, scale: () => dScale as Tensor, offset: () => dOffset as Tensor };
}

/** Training on a CPU: outputs y, mean, variance, and two for the gradient. Where no CPU kernels are used, composed of plain operations. */
function registerCpuTraining(): void {
  replaceKernel(BATCH_NORM_TRAINING, ({ inputs, attrs }) => {
    const { x, scale, offset, runningMean, runningVariance } = inputs as unknown as Record<string, TensorInfo>;
    const { epsilon, averageFactor } = attrs as { epsilon: number; averageFactor?: number };
    return tf.tidy(() => {
      const running = [runningMean ?? tf.zerosLike(scale as Tensor), runningVariance ?? tf.zerosLike(scale as Tensor)];
      const factor = runningMean ? (averageFactor as number) : 1;
      if (isSyncBatchNorm() || !usesCpuKernels())
        return composedBatchNorm(
          x as TensorInfo,
          [scale as TensorInfo, offset as TensorInfo],
          running as [Tensor, Tensor],
          epsilon,
          factor,
        );
      const statistics = batchStatistics(x as TensorInfo, running as [TensorInfo, TensorInfo], epsilon, factor);
      const [mean, inverse, nextMean, nextVariance] = statistics;
      const y = normalize(x as TensorInfo, [scale as TensorInfo, offset as TensorInfo, mean, inverse]);
      return [y, nextMean, nextVariance, mean, inverse];
    });
  });
  replaceGradient({
    kernelName: BATCH_NORM_TRAINING,
    inputsToSave: ['x', 'scale', 'offset'],
    outputsToSave: [false, false, false, true, true],
    gradFunc: (dys, saved) => {
      const [x, ...rest] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
      if (isSyncBatchNorm() || !usesCpuKernels())
        return composedBatchNormGradient((dys as Tensor[])[0] as Tensor, x, rest);
      const [dx, dScale, dOffset] = normalizeGradient((dys as Tensor[])[0] as Tensor, x, rest);
      return { x: () => dx, scale: () => dScale, offset: () => dOffset };
    },
  });
}

/** Training on a GPU: outputs y, mean, variance, and three for the gradient. */
function registerGpuTraining(): void {
  replaceKernel(BATCH_NORM_TRAINING, ({ inputs, attrs }) => {
    const { x, scale, offset, runningMean, runningVariance } = inputs as Record<string, TensorInfo>;
    const { epsilon, averageFactor } = attrs as { epsilon: number; averageFactor?: number };
    const averaging = runningMean ? [attribute.float('exponential_avg_factor', averageFactor as number)] : [];
    return tf.tidy(() => {
      if (isSyncBatchNorm()) {
        const zeros = tf.zerosLike(scale as Tensor);
        const running = [runningMean ?? zeros, runningVariance ?? zeros] as [Tensor, Tensor];
        const affine = [scale, offset] as [TensorInfo, TensorInfo];
        const outputs = composedBatchNorm(
          x as TensorInfo,
          affine,
          running,
          epsilon,
          runningMean ? (averageFactor as number) : 1,
        );
        return [...outputs, tf.zeros([0])]; // in the place of cuDNN's third
      }
      const list = [
        x,
        scale,
        offset,
        runningMean ?? tf.tensor1d([]),
        runningVariance ?? tf.tensor1d([]),
      ] as TensorInfo[];
      return operations('FusedBatchNormV3', list, [...attributes(epsilon, true), ...averaging], 6);
    });
  });
  replaceGradient({
    kernelName: BATCH_NORM_TRAINING,
    inputsToSave: ['x', 'scale'],
    outputsToSave: [false, false, false, true, true, true],
    gradFunc: (dys, saved, attrs) => {
      const [x, scale, ...reserved] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const [dy] = dys as Tensor[];
      // The offset does not matter without an activation.
      if (isSyncBatchNorm())
        return composedBatchNormGradient(dy as Tensor, x, [scale, scale, reserved[0], reserved[1]]);
      return gradient(dy as Tensor, x, scale, reserved, attrs.epsilon as number, true);
    },
  });
}

/** The statistics are fixed, so that x alone is scaled; TensorFlow's gradient sums up for scale and offset too, whoever asks. */
function inferenceGradient(dy: Tensor, scale: Tensor, variance: Tensor, epsilon: number): Tensor {
  return tf.tidy(() => {
    const zeros = tf.zerosLike(scale);
    return normalize(dy, [scale, zeros, zeros, tf.rsqrt(tf.add(variance, epsilon))]);
  });
}

export function registerBatchNorm(): void {
  if (cpuKernels) registerCpuTraining();
  else registerGpuTraining();

  const stockKernel = tf.getKernel('FusedBatchNorm', 'tensorflow');
  replaceKernel('FusedBatchNorm', (call) => {
    // tfjs's tape fails on inputs that are undefined, so an absent scale or offset is written into the inputs that it holds.
    const { inputs } = call;
    inputs.scale ??= tf.onesLike(inputs.mean as Tensor);
    inputs.offset ??= tf.zerosLike(inputs.mean as Tensor);
    const { x, mean, variance, scale, offset } = inputs as Record<
      'x' | 'mean' | 'variance' | 'scale' | 'offset',
      Tensor
    >;
    // Values for each pixel are the stock kernel's to normalise by, and those of other lengths its to refuse.
    if (!usesCpuKernels() || !haveChannels(x, mean, variance, scale, offset)) return stockKernel.kernelFunc(call);
    return tf.tidy(() => {
      const inverse = tf.rsqrt(tf.add(variance, call.attrs?.varianceEpsilon as number));
      return normalize(x, [scale, offset, mean, inverse]);
    });
  });

  const stockGradient = tf.getGradient('FusedBatchNorm');
  replaceGradient({
    kernelName: 'FusedBatchNorm',
    inputsToSave: ['x', 'mean', 'variance', 'scale'],
    gradFunc: (dy, saved, attrs) => {
      const [x, mean, variance, scale] = saved as [Tensor4D, Tensor1D, Tensor1D, Tensor1D];
      const stock = () => stockGradient.gradFunc(dy, saved, attrs) as Record<'mean' | 'variance', () => Tensor>;
      if (mean.rank !== 1) return stock();
      const epsilon = attrs.varianceEpsilon as number;
      return {
        // Moving statistics are seldom trained: theirs stay tfjs's.
        mean: () => stock().mean(),
        variance: () => stock().variance(),
        ...gradient(dy as Tensor, x, scale, [mean, variance, tf.tensor1d([])], epsilon, false),
        ...(usesCpuKernels() && { x: () => inferenceGradient(dy as Tensor, scale, variance, epsilon) }),
      };
    },
  });
}

/**
 * Normalises by the batch's own statistics.
 * @param x [n, h, w, c]; scale, offset [c].
 * @returns the normalised x, the batch mean [c] and the batch variance [c], unbiased (n·h·w − 1 in the denominator). Gradients
 *   flow through the first alone: the other two are for moving averages.
 * @example
 * ```ts
 * const [y, mean, variance] = batchNormTraining(images, tf.ones([3]), tf.zeros([3]), 1e-5);
 * ```
 */
export function batchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  epsilon: number,
): [Tensor4D, Tensor1D, Tensor1D] {
  const inputs = { x, scale, offset };
  const outputs = tf.engine().runKernel(BATCH_NORM_TRAINING, inputs as never, { epsilon }) as Tensor[];
  for (const reserved of outputs.slice(3)) reserved.dispose();
  return outputs.slice(0, 3) as [Tensor4D, Tensor1D, Tensor1D];
}
