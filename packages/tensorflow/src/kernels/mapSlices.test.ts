import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../index.js';
import { withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { MAP_SLICES } from './mapSlices.js';
import { expectFiniteDifferences, expectSame, expectSameCompiled, normal } from './testing.js';

const mapSlices = (identity: boolean) => (basis: Tensor, map: Tensor) =>
  tf.engine().runKernel(MAP_SLICES, { basis, map }, { identity }) as Tensor;

const asDepthwise = (identity: boolean) => (basis: Tensor, map: Tensor) => {
  const [height, width, ...rest] = basis.shape as [number, number];
  const image = tf.reshape(basis, [1, height, width, -1]) as Tensor4D;
  const [kernel] = map.shape as [number];
  const filters = tf.reshape(map, [kernel, kernel, -1, 1]) as Tensor4D;
  const mapped = tf.reshape(tf.depthwiseConv2d(image, filters, 1, 'same'), [height, width, ...rest]);
  return identity ? tf.add(mapped, basis) : mapped;
};

const CASES: [basis: number[], kernel: number][] = [
  [[3, 3, 2, 5], 3],
  [[5, 3, 7, 40], 3],
  [[7, 7, 3, 4], 5],
  [[3, 3, 90, 50], 1],
];

describe('MapSlices', () => {
  before(function () {
    if (!cpuKernels) this.skip();
  });

  for (const [shape, kernel] of CASES)
    for (const identity of [true, false]) {
      const given = () => [normal(shape, 1), normal([kernel, kernel, ...shape.slice(2)], 2)];
      it(
        `is a depthwise convolution, with its gradients: [${shape}], ${kernel}×${kernel}, ${identity ? 'with' : 'without'} identity`,
        withoutLeaks(() => {
          expectSame(mapSlices(identity) as never, asDepthwise(identity) as never, given());
          expectSameCompiled(mapSlices(identity) as never, given());
        }),
      );
    }

  it(
    'has the gradients of finite differences',
    withoutLeaks(() =>
      expectFiniteDifferences(mapSlices(true) as never, [normal([3, 4, 2, 2], 1), normal([3, 3, 2, 2], 2)], {
        step: 0.5,
        tolerance: 1e-4,
      }),
    ),
  );
});
