/**
 * What structural re-parameterisations are made of: branches that end in a batch norm, and the algebra that merges them (ACNet, RepVGG
 * and DBB of DingXiaoH, MIT and Apache-2.0). Kernels are [kh, kw, Cin/groups, Cout] or, depthwise, [kh, kw, C, m].
 */
import { type BatchNormVariables, type ChannelMoments, channelMap, moveAverage, normalizeBatch } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { type Convolution, centred, convolve, type KernelVariable, pointwise, type Variable } from './convolution.js';
import type { MergedWeights, Site, Trained } from './method.js';

/** PyTorch's defaults, which the official blocks have in every network. */
const EPSILON = 1e-5;
const MOMENTUM = 0.9;

/** Options that all of the structural methods have. */
export interface BlockOptions {
  /** Initial scale γ of the branches' batch norms. Default: 1. */
  gamma: number;
  /** Whether γ starts as 1 in the k×k branch and as 0 at the end of the others; a pretrained start does so always. Default: false. */
  singleInit: boolean;
}

export function completeBlock({ gamma = 1, singleInit = false }: Partial<BlockOptions>): BlockOptions {
  if (!Number.isFinite(gamma)) throw new RangeError(`gamma must be a number; given ${gamma}.`);
  return { gamma, singleInit };
}

/** What a map of channels takes (x − centre) by, and what it adds, [c]. */
export interface Affine {
  factor: tf.Tensor1D;
  offset: tf.Tensor1D;
}

/** A batch norm over the channels of a branch. */
export interface BranchNorm {
  apply(x: tf.Tensor4D, training: boolean): tf.Tensor4D;
  /** Its factor t = γ/√(σ² + ε) and its offset β − μ·t, [c]. */
  affine(): Affine;
  /**
   * What it does to weight·x, as a map of x. In training by the moments of x, whose mean is the map's centre, and it moves its running
   * statistics; without moments by those, and the centre is 0.
   */
  mapOf(moments: ChannelMoments | undefined, weight?: tf.Tensor1D): Affine;
  readonly variables: Required<BatchNormVariables>;
}

/** Adds a batch norm's weights to the layer: `<name>.gamma`, `.beta`, `.moving_mean`, `.moving_variance`. */
export function branchNorm(site: Site, name: string, channels: number, gamma: number): BranchNorm {
  const add = (part: string, value: number, trainable = true): Variable =>
    site.weight(`${name}.${part}`, [channels], tf.initializers.constant({ value }), { trainable });
  const variables = {
    gamma: add('gamma', gamma),
    beta: add('beta', 0),
    movingMean: add('moving_mean', 0, false),
    movingVariance: add('moving_variance', 1, false),
  };
  const read = (name: keyof typeof variables) => variables[name].read() as tf.Tensor1D;
  const affine = (): Affine => {
    const factor = tf.mul(read('gamma'), tf.rsqrt(tf.add(read('movingVariance'), EPSILON))) as tf.Tensor1D;
    return { factor, offset: tf.sub(read('beta'), tf.mul(read('movingMean'), factor)) };
  };
  return {
    variables,
    affine,
    apply(x, training) {
      if (training) return normalizeBatch(x, variables, EPSILON, MOMENTUM) as tf.Tensor4D;
      return tf.batchNorm4d(x, read('movingMean'), read('movingVariance'), read('beta'), read('gamma'), EPSILON);
    },
    mapOf(moments, weight = tf.ones([channels])) {
      if (!moments) {
        const { factor, offset } = affine();
        return { factor: tf.mul(factor, weight), offset };
      }
      const { mean, variance, unbiased } = moments;
      const square = tf.square(weight);
      moveAverage(variables.movingMean, tf.mul(mean, weight), MOMENTUM);
      moveAverage(variables.movingVariance, tf.mul(unbiased, square), MOMENTUM);
      const inverse = tf.rsqrt(tf.add(tf.mul(variance, square), EPSILON));
      return { factor: tf.mul(tf.mul(read('gamma'), weight), inverse), offset: read('beta') };
    },
  };
}

/** Uniform in ±1/√fan-in, PyTorch's default for convolutions. */
export function torchDefault(shape: number[], kind: Convolution['kind'], seed: number) {
  const [height, width, inputs] = shape as [number, number, number];
  const bound = 1 / Math.sqrt(height * width * (kind === 'depthwise' ? 1 : inputs));
  return tf.initializers.randomUniform({ minval: -bound, maxval: bound, seed });
}

/** Adds a branch's kernel, drawn as PyTorch does. */
export function branchKernel(site: Site, name: string, shape: number[]): KernelVariable {
  const initializer = torchDefault(shape, site.convolution.kind, site.seed(name));
  return site.weight(name, shape, initializer, { regularizer: site.kernelRegularizer }) as KernelVariable;
}

/** One of a kernel's four dimensions per output, from [Cout]. */
const perOutput = (values: tf.Tensor1D, kernel: tf.Tensor4D, kind: Convolution['kind']) =>
  kind === 'depthwise' ? tf.reshape(values, kernel.shape.slice(2) as [number, number]) : values;

/** A kernel, and a bias where there is one, with the batch norm after them in it. */
export function fuse(
  { kernel, bias }: MergedWeights,
  norm: BranchNorm,
  kind: Convolution['kind'],
): Required<MergedWeights> {
  const { factor, offset } = norm.affine();
  return {
    kernel: tf.mul(kernel, perOutput(factor, kernel, kind)),
    bias: bias ? tf.add(offset, tf.mul(bias, factor)) : offset,
  };
}

/** The kernel of size 1 in rows, columns or both, in the middle of one of the convolution's size. */
export function centredKernel(kernel: tf.Tensor4D, { kernelShape: [height, width] }: Convolution): tf.Tensor4D {
  const [rows, columns] = [(height - kernel.shape[0]) / 2, (width - kernel.shape[1]) / 2];
  return tf.pad(kernel, [
    [rows, rows],
    [columns, columns],
    [0, 0],
    [0, 0],
  ]);
}

/**
 * A convolution with a kernel of size 1 in rows, columns or both, whose windows lie at the middles of the k×k kernel's. Depthwise kernels are
 * filled up with zeros: the k×k ones are the faster ones.
 */
export function convolveCentred(convolution: Convolution, x: tf.Tensor4D, kernel: tf.Tensor4D): tf.Tensor4D {
  if (convolution.kind === 'depthwise') return convolve(convolution, x, centredKernel(kernel, convolution));
  const [height, width] = kernel.shape;
  const middle = centred(convolution, x, { rows: height === 1, columns: width === 1 });
  return height * width === 1 ? pointwise(convolution, middle, kernel) : convolve(convolution, middle, kernel);
}

/** The map of x that is the sum of some; x's mean is their centre where there are moments. */
export function mapChannels(x: tf.Tensor4D, moments: ChannelMoments | undefined, maps: Affine[]): tf.Tensor4D {
  const [factors, offsets] = [maps.map(({ factor }) => factor), maps.map(({ offset }) => offset)];
  const zeros = () => tf.zeros([x.shape[3]]) as tf.Tensor1D;
  return channelMap(x, moments?.mean ?? zeros(), tf.addN(factors), tf.addN(offsets));
}

/** The 1×1 kernel that passes channels on: [1, 1, C/groups, C] or, depthwise, [1, 1, C, 1]. */
export function identityKernel({ kind, inputs, groups }: Convolution): tf.Tensor4D {
  if (kind === 'depthwise') return tf.ones([1, 1, inputs, 1]);
  const perGroup = inputs / groups;
  return tf.reshape(tf.tile(tf.eye(perGroup), [1, groups]), [1, 1, perGroup, inputs]);
}

export function sum(branches: Required<MergedWeights>[]): Required<MergedWeights> {
  return {
    kernel: tf.addN(branches.map(({ kernel }) => kernel)),
    bias: tf.addN(branches.map(({ bias }) => bias)),
  };
}

/** The convolution's own kernel and bias, as the k×k branch has them. */
export function ownKernel({ convolution, kernel }: Site): MergedWeights {
  const { bias, useBias } = convolution.layer;
  return { kernel: kernel.read(), ...(useBias && bias && { bias: bias.read() as tf.Tensor1D }) };
}

/** x plus the convolution's own bias, if it has one. */
export function withOwnBias({ convolution: { layer } }: Site, x: tf.Tensor4D): tf.Tensor4D {
  return layer.useBias && layer.bias ? tf.add(x, layer.bias.read()) : x;
}

/**
 * Starts a block. From a trained convolution and batch norm: the k×k branch takes both, and the others' last batch norms start with γ = 0,
 * so that the block computes the same in evaluation. From scratch: draws the k×k kernel as PyTorch does.
 */
export function startBlock(site: Site, own: BranchNorm, others: BranchNorm[], trained: Trained | undefined): void {
  tf.tidy(() => {
    if (!trained) {
      const shape = site.kernel.read().shape;
      site.kernel.write(torchDefault(shape, site.convolution.kind, site.seed('kernel')).apply(shape));
      return;
    }
    for (const { variables } of others) variables.gamma.write(tf.zerosLike(variables.gamma.read()));
    const { gamma, beta, movingMean, movingVariance } = own.variables;
    const batchNorm = trained.batchNorm as (tf.layers.Layer & BatchNormVariables & { epsilon: number }) | undefined;
    const variance = batchNorm ? batchNorm.movingVariance.read() : tf.onesLike(movingVariance.read());
    const scale = batchNorm?.gamma?.read() ?? tf.onesLike(variance);
    // The block has its own ε, so γ makes up for the difference; without a batch norm the branch starts as none.
    const ratio = tf.sqrt(tf.div(tf.add(variance, EPSILON), tf.add(variance, batchNorm?.epsilon ?? 0)));
    gamma.write(tf.mul(scale, ratio));
    movingVariance.write(tf.clone(variance));
    if (!batchNorm) return;
    movingMean.write(tf.clone(batchNorm.movingMean.read()));
    beta.write(batchNorm.beta ? tf.clone(batchNorm.beta.read()) : tf.zerosLike(variance));
  });
}

/** Why a kernel has no middle, or none but the middle. */
export function middleRefusal({ kernelShape: [height, width] }: Convolution): string | undefined {
  if (height % 2 && width % 2 && height > 1 && width > 1) return undefined;
  return `its kernel is ${height}×${width}, and both sizes must be odd and above 1.`;
}

/** Numbers in a kernel. */
export const numbers = (kernel: KernelVariable): number => kernel.read().size;
