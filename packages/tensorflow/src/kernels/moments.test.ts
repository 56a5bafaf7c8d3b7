import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { CHANNEL_MAP, CHANNEL_MOMENTS } from './moments.js';
import {
  type Differentiable,
  expectFiniteDifferences,
  expectSame,
  expectSameCompiled,
  normal,
  operationsOf,
} from './testing.js';

const momentsOf = (x: Tensor) => tf.engine().runKernel(CHANNEL_MOMENTS, { x } as never) as [Tensor, Tensor, Tensor];
const mapOf = (x: Tensor, mean: Tensor, factor: Tensor, offset: Tensor) =>
  tf.engine().runKernel(CHANNEL_MAP, { x, mean, factor, offset } as never) as Tensor;

const axes = (x: Tensor) => x.shape.slice(0, -1).map((_, axis) => axis);

/** Mean and variance side by side, by tfjs's own operations and by the kernel. */
const both = (x: Tensor, [mean, variance]: Tensor[]) => tf.add(tf.mul(x, mean as Tensor), variance as Tensor);
const composedMoments: Differentiable = (x) => {
  const mean = tf.mean(x as Tensor, axes(x as Tensor));
  return both(x as Tensor, [mean, tf.mean(tf.square(tf.sub(x as Tensor, mean)), axes(x as Tensor))]);
};
const moments: Differentiable = (x) => both(x as Tensor, momentsOf(x as Tensor));

const composedMap: Differentiable = (x, mean, factor, offset) =>
  tf.add(tf.mul(tf.sub(x as Tensor, mean as Tensor), factor as Tensor), offset as Tensor);
const map: Differentiable = (x, mean, factor, offset) =>
  mapOf(x as Tensor, mean as Tensor, factor as Tensor, offset as Tensor);

const inputs = (shape: number[]) => {
  const channels = [shape.at(-1) as number];
  return [normal(shape, 1, 2, 3), normal(channels, 2), normal(channels, 3), normal(channels, 4)] as Tensor[];
};
const SHAPES = [
  [4, 5, 3, 6],
  [64, 3],
  [1, 9, 7, 1],
  [2, 1, 1, 40],
];

describe('the kernels of moments and maps of channels', () => {
  for (const shape of SHAPES) {
    it(
      `have the values and the gradients of their formulas on [${shape}]`,
      withoutLeaks(() => {
        expectSame(moments, composedMoments, inputs(shape).slice(0, 1));
        expectSame(map, composedMap, inputs(shape));
        expectSameCompiled(moments, inputs(shape).slice(0, 1));
        expectSameCompiled(map, inputs(shape));
      }),
    );
  }

  it(
    'have the gradients of finite differences',
    withoutLeaks(() => {
      expectFiniteDifferences(moments, inputs([3, 2, 2, 2]).slice(0, 1));
      expectFiniteDifferences(map, inputs([3, 2, 2, 2]));
    }),
  );

  it(
    'map by the plain formula where there is not a value for each channel',
    withoutLeaks(() => {
      const values = (shape: number[], from: number) => [0, 1, 2].map((i) => normal(shape, from + i));
      for (const given of [
        [normal([1, 1, 2, 64], 1), ...values([1], 2)],
        [normal([2, 3, 2, 4], 1), normal([4], 2), normal([1], 3), normal([1], 4)],
        [normal([2, 3, 2, 4], 1), normal([], 2), normal([2, 1], 3), normal([4], 4)],
        [normal([2, 3, 2, 1], 1), ...values([5], 2)],
      ]) {
        expectSame(map, composedMap, given);
        expectSameCompiled(map, given);
      }
    }),
  );

  it(
    'give the unbiased variance too, and of a single pixel none',
    withoutLeaks(() => {
      const [x] = inputs([4, 5, 3, 6]) as [Tensor];
      const [, variance, unbiased] = momentsOf(x);
      expectClose(unbiased, tf.mul(variance, 60 / 59), 1e-6);
      const [mean, none, ofOne] = momentsOf(tf.tensor4d([1, 2, 3], [1, 1, 1, 3]));
      expect([mean, none, ofOne].map((values) => [...(values as Tensor1D).dataSync()])).to.deep.equal([
        [1, 2, 3],
        [0, 0, 0],
        [0, 0, 0],
      ]);
    }),
  );

  it(
    'consist of fused operations on a CPU, and what is added to a map is added inside',
    withoutLeaks(() => {
      if (!cpuKernels) return;
      const kinds = operationsOf(
        (x, mean, factor, offset) => tf.add(map(x, mean, factor, offset) as Tensor, moments(x) as Tensor),
        inputs([4, 5, 3, 6]),
      );
      expect(kinds).to.include.members(['RefconvBatchStatistics', 'RefconvNormalize', 'RefconvNormalizeSums']);
      expect(kinds).not.to.include('SquaredDifference');
    }),
  );
});
