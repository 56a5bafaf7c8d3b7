/**
 * DBB, the diverse branch block (CVPR 2021, arXiv 2103.13425; diversebranchblock.py of DingXiaoH/DiverseBranchBlock, Apache-2.0).
 *
 * Dense: k×k; 1×1; 1×1, then average pooling; 1×1, then k×k. Depthwise: k×k; average pooling; 1×1 to more channels, then k×k. Each
 * convolution and each pooling is followed by a batch norm, and the branches are summed. Before a pooling or a k×k convolution that
 * comes second, the batch norm's result is padded with what that batch norm makes of a zero, so that the sequence is one convolution.
 */
import { channelMoments, stopGradient } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import {
  type BlockOptions,
  type BranchNorm,
  branchKernel,
  branchNorm,
  centredKernel,
  completeBlock,
  convolveCentred,
  fuse,
  identityKernel,
  middleRefusal,
  numbers,
  ownKernel,
  startBlock,
  sum,
  withOwnBias,
} from './branches.js';
import {
  type Convolution,
  convolve,
  crop,
  type KernelVariable,
  ownPadding,
  pointwise,
  type Zeros,
} from './convolution.js';
import { type Block, defineMethod, type MergedWeights, type Site } from './method.js';

export interface DBBOptions extends BlockOptions {
  /** The largest kernel that it takes; the official builder takes those below 7. Default: 5. */
  largestKernel: number;
  /** Channels between 1×1 and k×k of a depthwise convolution, as a multiple; the official README reports 2 as better than 1. Default: 2. */
  expansion: number;
}

/**
 * DBB.
 * @example
 * ```ts
 * const model = await reparameterize(plain, dbb({ singleInit: true }), { start: 'scratch' });
 * ```
 */
export const dbb = defineMethod<DBBOptions>({
  name: 'DBB',
  prefix: 'DBB',
  structural: true,
  complete({ largestKernel = 5, expansion = 2, ...options }) {
    if (!Number.isInteger(expansion) || expansion < 1)
      throw new RangeError(`expansion must be a positive integer; given ${expansion}.`);
    return { ...completeBlock(options), largestKernel, expansion };
  },
  refusal(convolution, { largestKernel }) {
    const { kernelShape, kind, dilations } = convolution;
    const size = Math.max(...kernelShape.slice(0, 2));
    if (size > largestKernel) return `its kernel is larger than ${largestKernel}, which \`largestKernel\` allows.`;
    if (dilations.some((rate) => rate > 1)) return 'it is dilated, and the block is defined without dilation.';
    if (kind === 'depthwise' && kernelShape[3] > 1)
      return 'it has a depth multiplier, and must have as many outputs as inputs.';
    return middleRefusal(convolution);
  },
  build: (site) => (site.convolution.kind === 'depthwise' ? depthwiseBlock(site) : denseBlock(site)),
});

const gammas = ({ gamma, singleInit }: DBBOptions) =>
  singleInit ? { own: 1, others: 0 } : { own: gamma, others: gamma };

function denseBlock(site: Site<DBBOptions>): Block {
  const { convolution, kernel, options } = site;
  const { inputs, outputs, kernelShape, kind } = convolution;
  const [height, width, perGroup] = kernelShape;
  const gamma = gammas(options);
  const own = branchNorm(site, 'dbb_origin.bn', outputs, gamma.own);
  const averaged = branchKernel(site, 'dbb_avg.conv', [1, 1, perGroup, outputs]);
  const averagedNorm = branchNorm(site, 'dbb_avg.bn.bn', outputs, options.gamma);
  const averageNorm = branchNorm(site, 'dbb_avg.avgbn', outputs, gamma.others);
  const narrow = branchKernel(site, 'dbb_1x1.conv', [1, 1, perGroup, outputs]);
  const narrowNorm = branchNorm(site, 'dbb_1x1.bn', outputs, gamma.others);
  // The official weight is what is added to the identity.
  const first = site.weight('dbb_1x1_kxk.idconv1', [1, 1, perGroup, inputs], tf.initializers.zeros(), {
    regularizer: site.kernelRegularizer,
  }) as KernelVariable;
  const firstNorm = branchNorm(site, 'dbb_1x1_kxk.bn1.bn', inputs, options.gamma);
  const second = branchKernel(site, 'dbb_1x1_kxk.conv2', kernelShape);
  const secondNorm = branchNorm(site, 'dbb_1x1_kxk.bn2', outputs, gamma.others);
  const firstKernel = () => tf.add(first.read(), identityKernel(convolution)) as tf.Tensor4D;

  return {
    features(x, training) {
      const { inner, padding } = innerImage(convolution, x);
      const one = { strides: [1, 1] as [number, number] };
      const pooled = average(
        padded(averagedNorm, pointwise(convolution, inner, averaged.read(), one), padding, training),
        convolution,
      );
      const between = padded(firstNorm, pointwise(convolution, inner, firstKernel(), one), padding, training);
      return added([
        own.apply(withOwnBias(site, convolve(convolution, x, kernel.read())), training),
        averageNorm.apply(pooled, training),
        narrowNorm.apply(convolveCentred(convolution, x, narrow.read()), training),
        secondNorm.apply(convolve(convolution, between, second.read(), { padding: 'valid' }), training),
      ]);
    },
    merged() {
      // After its 1×1 convolution the average sees groups of outputs.
      const average = tf.div(
        tf.tile(identityKernel({ ...convolution, inputs: outputs }), [height, width, 1, 1]),
        height * width,
      ) as tf.Tensor4D;
      const { groups } = convolution;
      return sum([
        fuse(ownKernel(site), own, kind),
        inSequence(
          fuse({ kernel: averaged.read() }, averagedNorm, kind),
          fuse({ kernel: average }, averageNorm, kind),
          groups,
        ),
        fuse({ kernel: centredKernel(narrow.read(), convolution) }, narrowNorm, kind),
        inSequence(
          fuse({ kernel: firstKernel() }, firstNorm, kind),
          fuse({ kernel: second.read() }, secondNorm, kind),
          groups,
        ),
      ]);
    },
    start: (trained) => startBlock(site, own, [averageNorm, narrowNorm, secondNorm], trained),
    macs: ({ input, output }) => ({
      image:
        (numbers(kernel) + numbers(narrow) + numbers(second)) * output + (numbers(averaged) + numbers(first)) * input,
      step: 0,
    }),
  };
}

/** The channels between 1×1 and k×k are j·C + c where PyTorch has c·expansion + j: `expansion` copies of the image side by side. */
function depthwiseBlock(site: Site<DBBOptions>): Block {
  const { convolution, kernel, options } = site;
  const { inputs: channels, kernelShape, kind } = convolution;
  const [height, width] = kernelShape;
  const { expansion } = options;
  const gamma = gammas(options);
  const own = branchNorm(site, 'dbb_origin.bn', channels, gamma.own);
  const averageNorm = branchNorm(site, 'dbb_avg.avgbn', channels, gamma.others);
  const first = branchKernel(site, 'dbb_1x1_kxk.conv1', [1, 1, expansion * channels, 1]);
  const firstNorm = branchNorm(site, 'dbb_1x1_kxk.bn1.bn', expansion * channels, options.gamma);
  // PyTorch's fan-in is that of a group, `expansion` channels.
  const secondShape = [height, width, expansion * channels, 1];
  const bound = 1 / Math.sqrt(height * width * expansion);
  const drawn = tf.initializers.randomUniform({ minval: -bound, maxval: bound, seed: site.seed('dbb_1x1_kxk.conv2') });
  const second = site.weight('dbb_1x1_kxk.conv2', secondShape, drawn, {
    regularizer: site.kernelRegularizer,
  }) as KernelVariable;
  const secondNorm = branchNorm(site, 'dbb_1x1_kxk.bn2', channels, gamma.others);
  const pool = () => tf.fill(kernelShape, 1 / (height * width)) as tf.Tensor4D;
  /** The sum over copies, of what has them in the last dimension but `after`. */
  const copiesOf = (x: tf.Tensor, after = 0) => {
    const shape = [...x.shape.slice(0, x.rank - 1 - after), expansion, channels, ...x.shape.slice(x.rank - after)];
    return tf.sum(tf.reshape(x, shape), -2 - after);
  };
  /**
   * 1×1, batch norm and k×k one after the other. What lies between is a map of each channel of x, so that it all is one k×k convolution of
   * x and an image of its own, which the offsets and the padding make.
   */
  const sequence = (x: tf.Tensor4D, training: boolean): tf.Tensor4D => {
    const { inner, padding } = innerImage(convolution, x);
    const seen = training ? channelMoments(inner) : undefined;
    const tiled = (values: tf.Tensor1D) => tf.tile(values, [expansion]);
    const moments = seen && { mean: tiled(seen.mean), variance: tiled(seen.variance), unbiased: tiled(seen.unbiased) };
    const { factor, offset } = firstNorm.mapOf(moments, tf.reshape(first.read(), [-1]) as tf.Tensor1D);
    const shift = moments ? tf.sub(offset, tf.mul(moments.mean, factor)) : offset;
    const [, rows, columns] = inner.shape;
    const image = surrounded(firstNorm, tf.mul(tf.ones([1, rows, columns, 1]) as tf.Tensor4D, shift), padding);
    const wide = second.read();
    const merged = copiesOf(tf.mul(wide, tf.reshape(factor, [-1, 1])), 1) as tf.Tensor4D;
    const constant = copiesOf(convolve(convolution, image, wide, { padding: 'valid' }));
    return tf.add(convolve(convolution, x, merged), constant);
  };

  return {
    features: (x, training) =>
      added([
        own.apply(withOwnBias(site, convolve(convolution, x, kernel.read())), training),
        averageNorm.apply(convolve(convolution, x, pool()), training),
        secondNorm.apply(sequence(x, training), training),
      ]),
    merged() {
      const { kernel: one, bias } = fuse({ kernel: first.read() }, firstNorm, kind);
      const sequence = copiesOf(tf.mul(second.read(), one), 1) as tf.Tensor4D;
      const biasSum = copiesOf(tf.sum(tf.mul(second.read(), tf.reshape(bias, [-1, 1])), [0, 1, 3])) as tf.Tensor1D;
      return sum([
        fuse(ownKernel(site), own, kind),
        fuse({ kernel: pool() }, averageNorm, kind),
        fuse({ kernel: sequence, bias: biasSum }, secondNorm, kind),
      ]);
    },
    start: (trained) => startBlock(site, own, [averageNorm, secondNorm], trained),
    macs: ({ input, output }) => ({
      image: (numbers(kernel) + numbers(second)) * output + numbers(first) * input,
      step: 0,
    }),
  };
}

/** The image without zeros around it, and the zeros that belong there: those of a layer before, or the layer's own. */
function innerImage(convolution: Convolution, x: tf.Tensor4D): { inner: tf.Tensor4D; padding: Zeros } {
  const { zeros, layer } = convolution;
  if (layer.padding === 'valid') return { inner: crop(x, zeros), padding: zeros };
  return { inner: x, padding: ownPadding(convolution, x.shape) };
}

/** A batch norm's result, padded. */
const padded = (norm: BranchNorm, x: tf.Tensor4D, padding: Zeros, training: boolean): tf.Tensor4D =>
  surrounded(norm, norm.apply(x, training), padding);

/**
 * What a batch norm has made of an image, padded with what the batch norm makes of a zero by its running statistics: in training by those
 * that this very batch has moved, and without a gradient, as the official code does.
 */
function surrounded(norm: BranchNorm, y: tf.Tensor4D, padding: Zeros): tf.Tensor4D {
  if (padding.flat().every((count) => count === 0)) return y;
  const outside = stopGradient(tf.mul(border(y.shape, padding), norm.affine().offset));
  return tf.add(tf.pad(y, around(padding)), outside);
}

const around = (padding: Zeros): [number, number][] => [[0, 0], ...padding, [0, 0]];

/** Ones where the padding lies, zeros inside, [1, h, w, 1]. */
function border([, height, width]: number[], padding: Zeros): tf.Tensor4D {
  const inside = tf.zeros([1, height as number, width as number, 1]) as tf.Tensor4D;
  return tf.pad(inside, around(padding), 1);
}

/** In pairs, as the sums that a batch norm's kernel takes in. */
const added = (branches: tf.Tensor4D[]) => branches.reduce((sum, branch) => tf.add(sum, branch));

/** The mean of each window. */
function average(x: tf.Tensor4D, { layer }: Convolution): tf.Tensor4D {
  return tf.avgPool(x, layer.kernelSize, layer.strides, 'valid');
}

/** The k×k convolution that does what a 1×1 and a k×k do one after the other: dense kernels, in groups. */
function inSequence(
  first: Required<MergedWeights>,
  second: Required<MergedWeights>,
  groups: number,
): Required<MergedWeights> {
  const [height, width, between, outputs] = second.kernel.shape;
  const inputs = first.kernel.shape[2];
  // By group: [g, 1, inputs, between] by [g, pixels, between, outputs / g].
  const byGroup = (x: tf.Tensor, rows: number, columns: number) =>
    tf.transpose(tf.reshape(x, [-1, rows, groups, columns]), [2, 0, 1, 3]);
  const ones = byGroup(first.kernel, inputs, between);
  const wide = byGroup(second.kernel, between, outputs / groups);
  const product = tf.matMul(tf.tile(ones, [1, height * width, 1, 1]), wide);
  const biases = tf.sum(tf.mul(wide, tf.reshape(first.bias, [groups, 1, between, 1])), [1, 2]);
  return {
    kernel: tf.reshape(tf.transpose(product, [1, 2, 0, 3]), [height, width, inputs, outputs]),
    bias: tf.add(second.bias, tf.reshape(biases, [outputs])),
  };
}
