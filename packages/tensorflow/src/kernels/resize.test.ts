import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../index.js';
import { withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { BILINEAR_RESIZE } from './resize.js';
import {
  type Differentiable,
  expectFiniteDifferences,
  expectSame,
  expectSameCompiled,
  normal,
  operationsOf,
} from './testing.js';

/** The plain formula: output i reads at max((i + ½)·from/to − ½, 0). */
function matrix(from: number, to: number): number[][] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.max(((i + 0.5) * from) / to - 0.5, 0);
    // A hat of width 1 around each input; beyond the last one reads the last.
    return Array.from({ length: from }, (_, j) => Math.max(0, 1 - Math.abs(Math.min(at, from - 1) - j)));
  });
}

const SIZES: [from: [number, number], to: [number, number]][] = [
  [
    [3, 4],
    [7, 5],
  ],
  [
    [6, 8],
    [12, 15],
  ],
  [
    [9, 5],
    [4, 20],
  ],
  [
    [1, 2],
    [3, 1],
  ],
];

const stock =
  (to: [number, number]): Differentiable =>
  (x) =>
    tf.image.resizeBilinear(x as Tensor4D, to, false, true);

const own =
  (from: [number, number], to: [number, number]): Differentiable =>
  (x) => {
    const [rows, columns] = [0, 1].map((axis) => tf.tensor2d(matrix(from[axis] as number, to[axis] as number)));
    return tf.engine().runKernel(BILINEAR_RESIZE, { x, rows, columns } as never) as Tensor;
  };

const reference =
  (from: [number, number], to: [number, number]): Differentiable =>
  (x) => {
    const [n, h, w, c] = x.shape as [number, number, number, number];
    const [rows, columns] = [0, 1].map((axis) => tf.tensor2d(matrix(from[axis] as number, to[axis] as number)));
    const byRows = tf.matMul(rows as Tensor, tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [h, n * w * c]));
    const turned = tf.transpose(tf.reshape(byRows, [to[0], n, w, c]), [2, 1, 0, 3]);
    const byColumns = tf.matMul(columns as Tensor, tf.reshape(turned, [w, n * to[0] * c]));
    return tf.transpose(tf.reshape(byColumns, [to[1], n, to[0], c]), [1, 2, 0, 3]);
  };

describe('bilinear resizing with half-pixel centres', () => {
  for (const [from, to] of SIZES) {
    const name = `${from.join('×')} to ${to.join('×')}`;
    const given = () => [normal([2, ...from, 5], 1)];

    it(
      `equals products of matrices, with its gradient: ${name}`,
      withoutLeaks(() => {
        expectSame(own(from, to), reference(from, to), given());
        expectSame(stock(to), reference(from, to), given());
      }),
    );

    it(
      `has the gradient of finite differences, compiled too: ${name}`,
      withoutLeaks(() => {
        for (const f of [own(from, to), stock(to)]) {
          expectFiniteDifferences(f, [normal([1, ...from, 2], 1)], { step: 0.5, tolerance: 1e-4 });
          expectSameCompiled(f, given());
        }
      }),
    );
  }

  it(
    'is one operation on a CPU, and so is its gradient',
    withoutLeaks(() => {
      const names = operationsOf(own([3, 4], [7, 5]), [normal([2, 3, 4, 5], 1)]);
      expect(names.includes('RefconvResize')).to.equal(cpuKernels);
      expect(names.some((operation) => /MatMul/.test(operation))).to.equal(!cpuKernels);
    }),
  );

  it(
    "leaves the stock gradient of tfjs's other resizings as it was",
    withoutLeaks(() => {
      for (const corners of [false, true]) {
        const f: Differentiable = (x) => tf.image.resizeBilinear(x as Tensor4D, [7, 5], corners, false);
        expectFiniteDifferences(f, [normal([1, 3, 4, 2], 1)], { step: 0.5, tolerance: 1e-4 });
      }
    }),
  );
});
