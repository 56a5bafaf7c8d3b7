/** The convolution of each 2-D slice of a kernel with a filter of its own, on a CPU. */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { cpuKernels } from './cpu.js';
import { attribute, operation, replaceGradient, replaceKernel } from './operation.js';

/**
 * The kernel's name; packages/refconv looks for it. Inputs basis [h, w, ..] and map [k, k, ..] with the same further dimensions; attribute
 * `identity`: whether the basis is added. The same as a depthwise convolution of one image with as many channels as slices, for which
 * TensorFlow's kernels are not made.
 */
export const MAP_SLICES = 'MapSlices';

const mapSlices = (basis: TensorInfo, map: TensorInfo, identity: boolean) =>
  operation('RefconvMapSlices', [basis, map], [attribute.int('identity', Number(identity))]);

export function registerMapSlices(): void {
  if (!cpuKernels) return;
  replaceKernel(MAP_SLICES, ({ inputs, attrs }) => {
    const { basis, map } = inputs as Record<string, TensorInfo>;
    return mapSlices(basis as TensorInfo, map as TensorInfo, attrs?.identity as boolean);
  });
  replaceGradient({
    kernelName: MAP_SLICES,
    inputsToSave: ['basis', 'map'],
    gradFunc: (dys, saved, attrs) => {
      const [basis, map] = saved as [Tensor, Tensor];
      const dy = dys as Tensor;
      return {
        basis: () => mapSlices(dy, tf.reverse(map, [0, 1]), attrs.identity as boolean),
        map: () => operation('RefconvMapSlicesGrad', [dy, basis, map], []),
      };
    },
  });
}
