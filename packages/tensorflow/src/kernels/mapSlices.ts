/** The convolution of each 2-D slice of a kernel with a filter of its own, on a CPU. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { cpuKernels, usesCpuKernels } from './cpu.js';
import { attribute, operation, replaceGradient, replaceKernel } from './operation.js';

/**
 * The kernel's name; packages/refconv looks for it. Inputs basis [h, w, ..] and map [k, k, ..] with the same further dimensions; attribute
 * `identity`: whether the basis is added. The same as a depthwise convolution of one image with as many channels as slices, for which
 * TensorFlow's kernels are not made; graphs for other programs have that.
 */
export const MAP_SLICES = 'MapSlices';

function mapSlices(basis: Tensor, map: Tensor, identity: boolean): Tensor {
  if (usesCpuKernels())
    return operation('RefconvMapSlices', [basis, map], [attribute.int('identity', Number(identity))]);
  return tf.tidy(() => {
    const mapped = tf.depthwiseConv2d(asImage(basis), tf.reshape(map, filterShape(map)), 1, 'same');
    const update = tf.reshape(mapped, basis.shape);
    return identity ? tf.add(basis, update) : update;
  });
}

function mapGradient(dy: Tensor, basis: Tensor, map: Tensor): Tensor {
  if (usesCpuKernels()) return operation('RefconvMapSlicesGrad', [dy, basis, map], []);
  return tf.tidy(() => {
    const inputs = { x: asImage(basis), dy: asImage(dy) };
    const attributes = { strides: 1, pad: 'same', dilations: 1, filterShape: filterShape(map) };
    const gradient = tf.engine().runKernel('DepthwiseConv2dNativeBackpropFilter', inputs, attributes as never);
    return tf.reshape(gradient as Tensor, map.shape);
  });
}

/** Slices as the channels of one image, and the map as depthwise kernels. */
function asImage(slices: Tensor): Tensor4D {
  const [height, width] = slices.shape as [number, number];
  return tf.reshape(slices, [1, height, width, slices.size / (height * width)]);
}

function filterShape({ shape, size }: Tensor): [number, number, number, number] {
  const [height, width] = shape as [number, number];
  return [height, width, size / (height * width), 1];
}

export function registerMapSlices(): void {
  if (!cpuKernels) return;
  replaceKernel(MAP_SLICES, ({ inputs, attrs }) => {
    const { basis, map } = inputs as { basis: Tensor; map: Tensor };
    return mapSlices(basis, map, attrs?.identity as boolean);
  });
  replaceGradient({
    kernelName: MAP_SLICES,
    inputsToSave: ['basis', 'map'],
    gradFunc: (dys, saved, attrs) => {
      const [basis, map] = saved as [Tensor, Tensor];
      const dy = dys as Tensor;
      return {
        basis: () => mapSlices(dy, tf.reverse(map, [0, 1]), attrs.identity as boolean),
        map: () => mapGradient(dy, basis, map),
      };
    },
  });
}
