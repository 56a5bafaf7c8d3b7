/**
 * The RepVGG block (CVPR 2021, arXiv 2101.03697; repvgg.py of DingXiaoH/RepVGG, MIT): 3×3, 1×1 and, where the shapes allow it, identity
 * branches, each with a batch norm, are summed. The activation stays outside.
 */
import { channelMoments } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import {
  type BlockOptions,
  branchKernel,
  branchNorm,
  centredKernel,
  completeBlock,
  convolveCentred,
  fuse,
  identityKernel,
  mapChannels,
  numbers,
  ownKernel,
  startBlock,
  sum,
  withOwnBias,
} from './branches.js';
import { centred, convolve } from './convolution.js';
import { defineMethod } from './method.js';

export interface RepVGGOptions extends BlockOptions {
  /** Whether blocks that keep shape and channels have the identity branch. Default: true. */
  identity: boolean;
}

/**
 * RepVGG, for 3×3 kernels.
 * @example
 * ```ts
 * const model = await reparameterize(plain, repvgg(), { start: 'scratch' });
 * ```
 */
export const repvgg = defineMethod<RepVGGOptions>({
  name: 'RepVGG',
  prefix: 'RepVGG',
  structural: true,
  complete: ({ identity = true, ...options }) => ({ ...completeBlock(options), identity }),
  refusal({ kernelShape: [height, width] }) {
    return height === 3 && width === 3 ? undefined : `its kernel is ${height}×${width}, and must be 3×3.`;
  },
  build(site) {
    const { convolution, kernel, options } = site;
    const { kind, inputs, outputs, kernelShape, layer } = convolution;
    const otherGamma = options.singleInit ? 0 : options.gamma;
    const keeps = inputs === outputs && layer.strides.every((stride) => stride === 1);
    const identityNorm = keeps && options.identity ? branchNorm(site, 'rbr_identity', outputs, otherGamma) : undefined;
    const norm = branchNorm(site, 'rbr_dense.bn', outputs, options.singleInit ? 1 : options.gamma);
    const narrow = branchKernel(site, 'rbr_1x1.conv', [1, 1, ...kernelShape.slice(2)]);
    const narrowNorm = branchNorm(site, 'rbr_1x1.bn', outputs, otherGamma);
    const middleOf = (x: tf.Tensor4D) => centred(convolution, x, { rows: true, columns: true });
    const at = (kernel: tf.Tensor4D) => ({ kernel: centredKernel(kernel, convolution) });
    return {
      features(x, training) {
        const own = norm.apply(withOwnBias(site, convolve(convolution, x, kernel.read())), training);
        if (!identityNorm || kind === 'dense') {
          const y = tf.add(
            own,
            narrowNorm.apply(convolveCentred(convolution, x, narrow.read()), training),
          ) as tf.Tensor4D;
          return identityNorm ? tf.add(y, identityNorm.apply(middleOf(x), training)) : y;
        }
        // Both of the others are maps of one image.
        const middle = middleOf(x);
        const moments = training ? channelMoments(middle) : undefined;
        const weight = tf.reshape(narrow.read(), [inputs]) as tf.Tensor1D;
        const maps = [narrowNorm.mapOf(moments, weight), identityNorm.mapOf(moments)];
        return tf.add(own, mapChannels(middle, moments, maps));
      },
      merged: () =>
        sum([
          fuse(ownKernel(site), norm, kind),
          fuse(at(narrow.read()), narrowNorm, kind),
          ...(identityNorm ? [fuse(at(identityKernel(convolution)), identityNorm, kind)] : []),
        ]),
      start: (trained) => startBlock(site, norm, [narrowNorm, ...(identityNorm ? [identityNorm] : [])], trained),
      macs: ({ output }) => ({ image: (numbers(kernel) + numbers(narrow)) * output, step: 0 }),
    };
  },
});
