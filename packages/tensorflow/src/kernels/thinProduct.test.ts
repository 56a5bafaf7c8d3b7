import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { applyMomentum, compile, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import { type Differentiable, expectSame, expectSameCompiled, normal, operationsOf } from './testing.js';

const product: Differentiable = (a, b) => tf.matMul(a as Tensor, b as Tensor);

/** The same by a product that is left to TensorFlow, as are its gradients. */
const stock: Differentiable = (a, b) => {
  const transposed = [...Array((b as Tensor).rank - 2).keys(), (b as Tensor).rank - 1, (b as Tensor).rank - 2];
  return tf.matMul(a as Tensor, tf.transpose(b as Tensor, transposed), false, true);
};

const THIN = ['RefconvThinProduct', 'RefconvThinTransposedProduct'];

describe('products of a few rows with a large matrix', () => {
  // Rows in groups of 5; blocks of 6 of the depth in up to 16 parts; columns that fill vectors and that do not, more than a strip of them, and several matrices.
  const shapes: [matrices: number[], rows: number, depth: number, columns: number][] = [
    [[], 3, 2048, 5],
    [[], 1, 1, 8192],
    [[], 9, 288, 32],
    [[], 9, 333, 37],
    [[], 9, 2304, 256],
    [[], 11, 101, 103],
    [[], 12, 16, 1024],
    [[8], 9, 540, 60],
    [[2, 3], 5, 100, 90],
  ];
  for (const [matrices, rows, depth, columns] of shapes) {
    const inputs = () => [normal([...matrices, rows, depth], 1), normal([...matrices, depth, columns], 2)];
    const name = `[${[...matrices, rows, depth]}] by [${[...matrices, depth, columns]}]`;
    it(
      `are TensorFlow's, and their gradients: ${name}`,
      withoutLeaks(() => {
        expectSame(product, stock, inputs());
        expectSameCompiled(product, inputs());
        const names = operationsOf(product, inputs());
        if (cpuKernels) expect(names).to.include.members(THIN);
        else for (const thin of THIN) expect(names).not.to.include(thin);
      }),
    );
  }

  it(
    'leaves other products to TensorFlow',
    withoutLeaks(() => {
      const others: [a: number[], b: number[]][] = [
        [[13, 128], [128, 128]], // many rows
        [[9, 64], [64, 64]], // a small matrix
        [[2, 9, 128], [1, 128, 128]], // one matrix for several
        [[0, 128], [128, 128]],
      ]; // biome-ignore format: a case a line
      for (const [a, b] of others) {
        const names = operationsOf((a) => tf.matMul(a as Tensor, tf.zeros(b)), [tf.zeros(a)]);
        for (const thin of THIN) expect(names).not.to.include(thin);
      }
    }),
  );
});

describe('weight decay', () => {
  /** A step of SGD on W of x·W, whose gradient is such a product, or on what follows another operation. */
  function step(eager: boolean, gradientOf: (x: Tensor, w: Tensor) => Tensor, use: (gradient: Tensor) => Tensor) {
    const w = tf.variable(normal([3, 50, 60], 1));
    const accumulator = tf.variable(normal([3, 50, 60], 2), false);
    const program = compile(
      {
        step: (x: Tensor, learningRate: Scalar) => {
          const gradient = gradientOf(x, w);
          const used = use(gradient);
          applyMomentum({
            variable: w,
            accumulator,
            gradient,
            learningRate,
            momentum: tf.scalar(0.9),
            weightDecay: 0.5,
          });
          return used;
        },
      },
      { eager },
    );
    const x = normal([9, 150], 3);
    const traced = eager ? [] : program.step.profile(x, 0);
    if (eager) program.step(x, 0); // as the profile's own step
    const results = [program.step(x, 1e-3), program.step(x, 1e-3)].map((result) => result.dataSync().slice());
    const values = [...results, w.dataSync().slice(), accumulator.dataSync().slice()];
    program.dispose();
    tf.dispose([w, accumulator]);
    return { values, operations: traced.map(({ operation }) => operation) };
  }

  const ofProduct = (x: Tensor, w: Tensor) =>
    tf.grad((w) => tf.sum(tf.square(tf.matMul(x, tf.reshape(w, [150, 60])))))(w);
  const cases: Record<string, [(x: Tensor, w: Tensor) => Tensor, (gradient: Tensor) => Tensor, string | undefined]> = {
    'of a product with few rows is added where that is computed': [ofProduct, () => tf.zeros([]), undefined],
    'of such a product that is read too leaves it as it is': [ofProduct, tf.neg, 'RefconvDecayedGradient'],
    'of such a product that is returned too leaves it as it is': [ofProduct, (g) => g, undefined],
    'of another gradient is added to it': [(_, w) => tf.sin(w), () => tf.zeros([]), 'RefconvDecayedGradient'],
    'of another gradient that is read too leaves it as it is': [(_, w) => tf.sin(w), tf.neg, 'RefconvDecayedGradient'],
    'of another gradient that is returned too leaves it as it is': [
      (_, w) => tf.sin(w),
      (g) => g,
      'RefconvDecayedGradient',
    ],
  };
  for (const [name, [gradientOf, use, operation]] of Object.entries(cases)) {
    it(
      name,
      withoutLeaks(() =>
        tf.tidy(() => {
          const { values, operations } = step(false, gradientOf, use);
          const expected = step(true, gradientOf, use).values;
          for (const [i, value] of values.entries()) expectClose(tf.tensor(value), expected[i] as Float32Array, 1e-5);
          if (!cpuKernels) return;
          expect(operations.filter((name) => name === 'RefconvDecayedGradient')).to.deep.equal(
            operation ? [operation] : [],
          );
        }),
      ),
    );
  }
});
