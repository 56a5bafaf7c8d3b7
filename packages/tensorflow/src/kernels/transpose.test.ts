import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../index.js';
import { withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { type Differentiable, expectFiniteDifferences, expectSameCompiled, normal, operationsOf } from './testing.js';

/** The same by JavaScript's own indices. */
function reference(x: Tensor): number[] {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const [values, size] = [x.dataSync(), rows * columns];
  return Array.from(values, (_, i) => {
    const within = i % size;
    return values[i - within + (within % rows) * columns + Math.floor(within / rows)] as number;
  });
}

describe('tf.transpose of the last two axes', () => {
  // Around what is known while the kernel is compiled, and more matrices than a part has.
  for (const shape of [
    [3, 4, 2, 12],
    [3, 4, 12, 2],
    [2, 3, 5],
    [1, 1, 1],
    [0, 2, 3],
    [40, 30, 2, 58],
    [70, 64, 64],
  ]) {
    const f: Differentiable = (x) =>
      tf.transpose(x as Tensor, [...shape.slice(2).keys(), shape.length - 1, shape.length - 2]);
    it(
      `is what it says for [${shape}], compiled too`,
      withoutLeaks(() => {
        const x = normal(shape, 1);
        const y = f(x);
        expect(y.shape).to.deep.equal([...shape.slice(0, -2), ...shape.slice(-2).reverse()]);
        expect(Array.from(y.dataSync())).to.deep.equal(reference(x));
        expectSameCompiled(f, [x]);
        if (x.size < 300) expectFiniteDifferences(f, [x], { step: 0.5, tolerance: 1e-4 });
        if (cpuKernels) expect(operationsOf(f, [x])).to.include('RefconvTransposeEach');
      }),
    );
  }

  it(
    'leaves other permutations and types to TensorFlow',
    withoutLeaks(() => {
      const x = normal([2, 3, 4, 5], 1);
      for (const perm of [
        [1, 0, 2, 3],
        [1, 0, 3, 2],
      ]) {
        const f: Differentiable = (x) => tf.transpose(x as Tensor, perm);
        expect(operationsOf(f, [x])).not.to.include('RefconvTransposeEach');
      }
      expect(
        Array.from(tf.transpose(tf.tensor3d([1, 2, 3, 4], [1, 2, 2], 'int32'), [0, 2, 1]).dataSync()),
      ).to.deep.equal([1, 3, 2, 4]);
    }),
  );
});
