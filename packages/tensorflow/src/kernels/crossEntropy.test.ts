import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type CrossEntropyOptions, compile, softmaxCrossEntropy, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import {
  type Differentiable,
  expectFiniteDifferences,
  expectSame,
  expectSameCompiled,
  normal,
  operationsOf,
  tensorsLeft,
} from './testing.js';

type Labels = Tensor1D | Tensor2D;

const N = 7;
const CLASSES = 5;

const logits = () => normal([N, CLASSES], 1, 0, 3);

const LABELS: Record<string, () => Labels> = {
  'class numbers': () => tf.tensor1d([0, 4, 2, 2, 1, 3, 0], 'int32'),
  'one-hot probabilities': () =>
    tf.oneHot(tf.tensor1d([0, 4, 2, 2, 1, 3, 0], 'int32'), CLASSES, 1, 0, 'float32') as Tensor2D,
  probabilities: () => {
    const positive = tf.abs(normal([N, CLASSES], 2));
    return tf.div(positive, tf.sum(positive, 1, true)) as Tensor2D;
  },
};

/** Σ target · (log Σ exp(logits) − logit), with the smoothed target written out. */
function formula(labels: Labels, smoothing: number): Differentiable {
  return (given) => {
    const logits = given as Tensor2D;
    const targets = labels.rank === 1 ? tf.oneHot(labels as Tensor1D, CLASSES, 1, 0, 'float32') : labels;
    const surprise = tf.sub(tf.logSumExp(logits, 1, true), logits);
    const plain = tf.sum(tf.mul(surprise, targets), 1);
    return tf.add(tf.mul(plain, 1 - smoothing), tf.mul(tf.mean(surprise, 1), smoothing));
  };
}

const fused =
  (labels: Labels, options?: CrossEntropyOptions): Differentiable =>
  (logits) =>
    softmaxCrossEntropy(logits as Tensor2D, labels, options);

describe('softmaxCrossEntropy', () => {
  for (const [name, make] of Object.entries(LABELS)) {
    for (const labelSmoothing of [0, 0.1, 0.9]) {
      const options = { labelSmoothing };

      it(
        `has the value and the gradient of its formula, with ${name} and smoothing ${labelSmoothing}`,
        withoutLeaks(() => {
          const labels = make();
          expectSame(fused(labels, options), formula(labels, labelSmoothing), [logits()]);
        }),
      );

      it(
        `has the gradient of finite differences, is the same in a compiled function and leaves its result alone, with ${name} and smoothing ${labelSmoothing}`,
        withoutLeaks(() => {
          const f = fused(make(), options);
          expectFiniteDifferences(f, [logits()]);
          expectSameCompiled(f, [logits()]);
          const given = logits();
          expect(tensorsLeft(() => f(given))).to.equal(1);
          expect(tensorsLeft(() => tf.grads(f)([given]))).to.equal(1);
        }),
      );
    }
  }

  it(
    'takes no smoothing by default',
    withoutLeaks(() => {
      const labels = (LABELS['class numbers'] as () => Labels)();
      expectClose(softmaxCrossEntropy(logits() as Tensor2D, labels), formula(labels, 0)(logits()));
    }),
  );

  it(
    'takes labels as an argument of a compiled function',
    withoutLeaks(() => {
      const program = compile({
        loss: (logits: Tensor2D, labels: Labels) => softmaxCrossEntropy(logits, labels, { labelSmoothing: 0.2 }),
      });
      for (const make of Object.values(LABELS)) {
        const labels = make();
        expectClose(program.loss(logits() as Tensor2D, labels), formula(labels, 0.2)(logits()), 1e-5);
      }
      program.dispose();
    }),
  );

  it(
    'is one operation together with its gradient',
    withoutLeaks(() => {
      const names = operationsOf(fused((LABELS['class numbers'] as () => Labels)()), [logits()]);
      const pair = ['RefconvSparseCrossEntropy', 'RefconvSparseCrossEntropyGrad'];
      expect(names).to.include.members(cpuKernels ? pair : ['SparseSoftmaxCrossEntropyWithLogits']);
      expect(names).to.not.include.members(['Softmax', 'LogSoftmax', 'OneHot', 'Exp']);
    }),
  );

  // Fewer rows than a vector has, rows that fill some and not another, and more than a part has.
  for (const [rows, classes] of [
    [1, 1],
    [3, 2],
    [33, 11],
    [5000, 11],
    [20, 1000],
  ] as const) {
    it(
      `has the value and the gradient of double precision for ${rows} rows of ${classes}`,
      withoutLeaks(() => {
        const [given, factors] = [normal([rows, classes], 3, 0, 4), normal([rows], 4)];
        const numbers = Int32Array.from({ length: rows }, (_, i) => (i * 7) % classes);
        const labels = tf.tensor1d(numbers, 'int32');
        const [z, dy] = [given.dataSync(), factors.dataSync()];
        const losses: number[] = [];
        const slopes: number[] = [];
        for (const [row, label] of numbers.entries()) {
          const exponentials = Array.from(z.subarray(row * classes, (row + 1) * classes), Math.exp);
          const sum = exponentials.reduce((total, e) => total + e, 0);
          losses.push(Math.log(sum / (exponentials[label] as number)));
          slopes.push(...exponentials.map((e, c) => (dy[row] as number) * (e / sum - Number(c === label))));
        }
        expectClose(softmaxCrossEntropy(given as Tensor2D, labels), losses, 1e-6);
        expectClose(tf.grad(fused(labels))(given, factors), slopes, 1e-6);
      }),
    );
  }

  it(
    'is no number where a logit is none, in that row alone',
    withoutLeaks(() => {
      const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
      const rows = [0, 1, nan, inf, 0, 1, 1, nan, 0, -inf, 0, 0, 0, 0, 0];
      const losses = softmaxCrossEntropy(tf.tensor2d(rows, [5, 3]), tf.tensor1d([0, 1, 1, 1, 2], 'int32')).dataSync();
      expect(Array.from(losses, Number.isNaN)).to.deep.equal([true, true, true, false, false]);
      expect(losses[3]).to.be.closeTo(Math.log(2), 1e-6);
      expect(losses[4]).to.be.closeTo(Math.log(3), 1e-6);
    }),
  );

  it(
    'names a label that is no class',
    withoutLeaks(() => {
      const given = logits() as Tensor2D;
      for (const wrong of [-1, CLASSES]) {
        const labels = tf.tensor1d([0, 4, wrong, 2, 1, 3, 0], 'int32');
        expect(() => softmaxCrossEntropy(given, labels).dataSync()).to.throw(new RegExp(`label.* ${wrong}\\b`));
      }
    }),
  );

  it(
    'names a label that is no class where the gradient alone is compiled, of which the losses are no part',
    withoutLeaks(() => {
      if (!cpuKernels) return; // TensorFlow's own operation has both
      const given = normal([64, 10], 1) as Tensor2D;
      const loss = (logits: Tensor, labels: Labels) => tf.sum(softmaxCrossEntropy(logits as Tensor2D, labels));
      const gradient = (logits: Tensor, labels: Labels) => tf.grad((logits) => loss(logits, labels))(logits);
      const program = compile({
        alone: gradient,
        both: (logits: Tensor, labels: Labels) => [loss(logits, labels), gradient(logits, labels)],
      });
      for (const wrong of [-1, 10, 255, 1e8]) {
        const labels = tf.tensor1d([...new Array(60).fill(9), wrong, 0, wrong, 0], 'int32');
        for (const run of [program.alone, program.both])
          expect(() => tf.dispose(run(given, labels))).to.throw(new RegExp(`label.* ${wrong}\\b`));
      }
      program.dispose();
    }),
  );

  it(
    'does not overflow at large logits',
    withoutLeaks(() => {
      const large = tf.tensor2d([
        [1e4, 0, -1e4],
        [1e4, 0, -1e4],
        [1e4, 1e4, 0],
      ]);
      const numbers = [0, 2, 1];
      const labels = [
        tf.tensor1d(numbers, 'int32'),
        tf.oneHot(tf.tensor1d(numbers, 'int32'), 3, 1, 0, 'float32') as Tensor2D,
      ];
      for (const label of labels) {
        expectClose(softmaxCrossEntropy(large, label), [0, 2e4, Math.log(2)], 1e-6);
        // Exact: the second one would hide an error in the third.
        expect(softmaxCrossEntropy(large, label).dataSync()[2]).to.be.closeTo(Math.log(2), 1e-6);
        const [slope] = tf.grads(fused(label))([large]) as [Tensor];
        expectClose(slope, [0, 0, 0, 1, 0, -1, 0.5, -0.5, 0]);
      }
      // With smoothing each class counts for ε / 3 beside the label.
      const smoothed = softmaxCrossEntropy(large, labels[0] as Labels, { labelSmoothing: 0.3 });
      expectClose(smoothed, [0.1 * 3e4, 0.7 * 2e4 + 0.1 * 3e4, Math.log(2) + 0.1 * 1e4]);
    }),
  );

  it(
    'refuses labels of another shape or type, and smoothing out of range',
    withoutLeaks(() => {
      const given = logits() as Tensor2D;
      const run = (labels: Tensor, options?: CrossEntropyOptions) => () =>
        softmaxCrossEntropy(given, labels as Tensor1D, options);
      const expected = /logits \[7,5\] and labels .*; expected labels int32 \[7\] or float32 \[7,5\]/;
      expect(run(tf.zeros([6], 'int32'))).to.throw(expected);
      expect(run(tf.zeros([7], 'float32'))).to.throw(expected);
      expect(run(tf.zeros([7, 1], 'int32'))).to.throw(expected);
      expect(run(tf.zeros([7, 5], 'int32'))).to.throw(/labels int32 \[7,5\]/);
      expect(run(tf.zeros([7, 4]))).to.throw(expected);
      expect(run(tf.zeros([6, 5]))).to.throw(expected);
      const labels = tf.zeros([7], 'int32');
      for (const labelSmoothing of [-0.1, 1, 2, Number.NaN]) {
        expect(run(labels, { labelSmoothing })).to.throw(/at least 0 and less than 1; given (-0.1|1|2|NaN)\./);
      }
    }),
  );
});
