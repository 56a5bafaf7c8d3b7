/**
 * ACB, the asymmetric convolution block (ACNet, ICCV 2019, arXiv 1908.03930; acb.py of DingXiaoH/ACNet, MIT): k×k, 1×k and k×1
 * branches, each with a batch norm, are summed.
 */
import {
  type BlockOptions,
  branchKernel,
  branchNorm,
  centredKernel,
  completeBlock,
  convolveCentred,
  fuse,
  middleRefusal,
  numbers,
  ownKernel,
  startBlock,
  sum,
  withOwnBias,
} from './branches.js';
import { convolve } from './convolution.js';
import { defineMethod } from './method.js';

export interface ACBOptions extends BlockOptions {
  /** The largest kernel that it takes; the official builder takes those below 7. Default: 5. */
  largestKernel: number;
}

/**
 * ACB. The official scripts start with γ = 1 on ImageNet and 1/3 on CIFAR: the option `gamma`.
 * @example
 * ```ts
 * const model = await reparameterize(plain, acb({ gamma: 1 / 3 }), { start: 'scratch' });
 * ```
 */
export const acb = defineMethod<ACBOptions>({
  name: 'ACB',
  prefix: 'ACB',
  structural: true,
  complete: ({ largestKernel = 5, ...options }) => ({ ...completeBlock(options), largestKernel }),
  refusal(convolution, { largestKernel }) {
    const size = Math.max(...convolution.kernelShape.slice(0, 2));
    if (size > largestKernel) return `its kernel is larger than ${largestKernel}, which \`largestKernel\` allows.`;
    return middleRefusal(convolution);
  },
  build(site) {
    const { convolution, kernel, options } = site;
    const { kind, outputs } = convolution;
    const [height, width, ...channels] = convolution.kernelShape;
    const otherGamma = options.singleInit ? 0 : options.gamma;
    const square = branchNorm(site, 'square_bn', outputs, options.singleInit ? 1 : options.gamma);
    const vertical = branchKernel(site, 'ver_conv', [height, 1, ...channels]);
    const horizontal = branchKernel(site, 'hor_conv', [1, width, ...channels]);
    const verticalNorm = branchNorm(site, 'ver_bn', outputs, otherGamma);
    const horizontalNorm = branchNorm(site, 'hor_bn', outputs, otherGamma);
    return {
      features(x, training) {
        const own = withOwnBias(site, convolve(convolution, x, kernel.read()));
        const tall = convolveCentred(convolution, x, vertical.read());
        const wide = convolveCentred(convolution, x, horizontal.read());
        return square
          .apply(own, training)
          .add(verticalNorm.apply(tall, training))
          .add(horizontalNorm.apply(wide, training));
      },
      merged: () =>
        sum([
          fuse(ownKernel(site), square, kind),
          fuse({ kernel: centredKernel(vertical.read(), convolution) }, verticalNorm, kind),
          fuse({ kernel: centredKernel(horizontal.read(), convolution) }, horizontalNorm, kind),
        ]),
      start: (trained) => startBlock(site, square, [verticalNorm, horizontalNorm], trained),
      macs: ({ output }) => ({
        image: (numbers(kernel) + numbers(vertical) + numbers(horizontal)) * output,
        step: 0,
      }),
    };
  },
});
