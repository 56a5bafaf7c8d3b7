import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../index.js';
import { withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { type Differentiable, normal, operationsOf } from './testing.js';

const alongLast: Differentiable = (x) => tf.argMax(x as Tensor, -1);

/** The same by JavaScript's own indices. */
function largestOfRows(x: Tensor): number[] {
  const [values, length] = [x.dataSync(), x.shape.at(-1) as number];
  return Array.from({ length: x.size / length }, (_, row) => {
    const numbers = values.subarray(row * length, (row + 1) * length);
    return numbers.indexOf(Math.max(...numbers));
  });
}

describe('tf.argMax of the last axis', () => {
  // Less than a vector, what fills some and not another, and more rows than a part has.
  for (const shape of [[5], [1, 1], [3, 4, 7], [2, 60, 50, 11], [9, 255]]) {
    it(
      `is the largest of each row for [${shape}]`,
      withoutLeaks(() => {
        const x = normal(shape, 1);
        const found = alongLast(x);
        expect(found.dtype).to.equal('int32');
        expect(found.shape).to.deep.equal(shape.slice(0, -1));
        expect(Array.from(found.dataSync())).to.deep.equal(largestOfRows(x));
        const names = operationsOf((x) => tf.cast(alongLast(x), 'float32'), [x]);
        if (cpuKernels) expect(names).to.include('RefconvArgMax');
      }),
    );
  }

  it(
    'is the first of several equal ones',
    withoutLeaks(() => {
      if (!cpuKernels) return;
      const rows = [
        [1, 3, 3],
        [2, 2, 2],
        [0, -1, 0],
        [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ];
      expect(Array.from(alongLast(tf.tensor2d(rows)).dataSync())).to.deep.equal([1, 0, 0, 0]);
    }),
  );

  it(
    'leaves other axes, types and long rows to TensorFlow',
    withoutLeaks(() => {
      expect(Array.from(tf.argMax(tf.tensor2d([1, 5, 7, 2], [2, 2]), 0).dataSync())).to.deep.equal([1, 0]);
      expect(Array.from(tf.argMax(tf.tensor2d([1, 5, 7, 2], [2, 2], 'int32'), 1).dataSync())).to.deep.equal([1, 0]);
      const long = normal([2, 300], 1);
      expect(Array.from(alongLast(long).dataSync())).to.deep.equal(largestOfRows(long));
    }),
  );
});
