/** Shuffles of channels between a concatenation and a split, as ShuffleNet has them: one operation in a compiled function. */
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../index.js';
import { withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { type Differentiable, expectFiniteDifferences, expectSameCompiled, normal, operationsOf } from './testing.js';

function shuffle(x: Tensor, groups: number): Tensor {
  const channels = x.shape.at(-1) as number;
  const matrices = tf.reshape(x, [-1, groups, channels / groups]);
  return tf.reshape(tf.transpose(matrices, [0, 2, 1]), x.shape);
}

const concatenated = (tensors: Tensor[]) => tf.concat(tensors, -1);
/** Others for each channel. */
const weights = ({ shape }: Tensor) => tf.range(1, 1 + (shape.at(-1) as number));
const fused = (f: Differentiable, inputs: Tensor[]) =>
  operationsOf(f, inputs).filter((operation) => /Shuffle|SplitV/.test(operation));

describe('a shuffle of channels', () => {
  const inputs = (...channels: number[]) => channels.map((count, i) => normal([2, 5, 3, count], i + 1));

  for (const { name, parts, groups, pieces } of [
    { name: 'two parts, two pieces', parts: [6, 6], groups: 2, pieces: [6, 6] },
    { name: 'unequal ones', parts: [2, 10], groups: 3, pieces: [5, 7] },
    { name: 'its inverse', parts: [8, 4], groups: 6, pieces: [6, 6] },
    { name: 'one part', parts: [12], groups: 4, pieces: [3, 9] },
    { name: 'three parts', parts: [4, 4, 4], groups: 2, pieces: [6, 6] },
    { name: 'more channels than a block', parts: [1500, 1500], groups: 2, pieces: [1500, 1500] },
  ]) {
    it(
      `and its gradient, compiled, are those of the operations one by one: ${name}`,
      withoutLeaks(() => {
        const given = inputs(...parts);
        const f: Differentiable = (...x) => {
          const joined = x.length > 1 ? concatenated(x as Tensor[]) : (x[0] as Tensor);
          const [a, b] = tf.split(shuffle(joined, groups), pieces, -1) as [Tensor, Tensor];
          return tf.add(tf.sum(tf.mul(b, weights(b))), tf.mean(tf.square(a)));
        };
        expectSameCompiled(f, given);
        if (!cpuKernels) return;
        expect(fused(f, given)).to.include('RefconvShuffleSplit');
        // The gradient of three parts is parted by TensorFlow.
        if (parts.length < 3) expect(fused(f, given)).not.to.include('SplitV');
        if (parts.length === 2 && parts[0] === 2) expectFiniteDifferences(f, given, { step: 0.1, tolerance: 1e-3 });
      }),
    );
  }

  it(
    'that is not parted, or is wanted whole as well, is one operation, and is parted by TensorFlow',
    withoutLeaks(() => {
      const given = inputs(6, 6);
      const whole: Differentiable = (a, b) => shuffle(concatenated([a as Tensor, b as Tensor]), 2);
      expectSameCompiled(whole, given);
      const both: Differentiable = (a, b) => {
        const y = shuffle(concatenated([a as Tensor, b as Tensor]), 2);
        const square = tf.square(y);
        return concatenated([square, ...tf.split(y, [4, 8], -1)]);
      };
      expectSameCompiled(both, given);
      if (!cpuKernels) return;
      expect(operationsOf(whole, given)).to.include('RefconvShuffle');
      expect(operationsOf(both, given)).to.include.members(['RefconvShuffle', 'SplitV']);
    }),
  );

  it(
    'is taken for one only where its channels are what is transposed, concatenated and parted',
    withoutLeaks(() => {
      const [x] = inputs(12) as [Tensor];
      const rows: Differentiable = (x) =>
        tf.reshape(tf.transpose(tf.reshape(x as Tensor, [2, 15, 12]), [0, 2, 1]), (x as Tensor).shape);
      const elsewhere: Differentiable = (x) => tf.reshape(shuffle(x as Tensor, 3), [2, 5, 36]);
      const images: Differentiable = (x) =>
        tf.concat(tf.split(shuffle(tf.concat([x as Tensor, x as Tensor], 0), 3), [3, 2], 1).reverse(), 1);
      for (const f of [rows, elsewhere, images]) expectSameCompiled(f, [x]);
      if (!cpuKernels) return;
      expect(operationsOf(rows, [x])).not.to.include('RefconvShuffle');
      expect(fused(images, [x]))
        .to.include('SplitV')
        .and.not.include('RefconvShuffleSplit');
    }),
  );
});
