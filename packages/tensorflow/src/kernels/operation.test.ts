import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { batchNormTraining, compile, conv2d, softmaxCrossEntropy, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { type Differentiable, expectFiniteDifferences, normal } from './testing.js';

/** Disposes of what tfjs keeps for a gradient that then throws. */
function disposeTape(): void {
  const { state } = tf.engine() as unknown as { state: { activeTape: { saved: Tensor[] }[] } };
  for (const { saved } of state.activeTape) tf.dispose(saved);
}

describe('replaceGradient', () => {
  /** By the kernels for which tfjs has no gradient: a function that runs each, and the shape of its input. */
  const WITHOUT_STOCK: Record<string, { f: Differentiable; shape: number[] }> = {
    BatchNormTraining: {
      f: (x) => batchNormTraining(x as Tensor4D, tf.ones([2]) as Tensor1D, tf.zeros([2]) as Tensor1D, 1e-3)[0],
      shape: [3, 2, 2, 2],
    },
    GroupedConv2D: {
      f: (x) => conv2d(x as Tensor4D, normal([3, 3, 2, 4], 2) as Tensor4D, { padding: 'same' }),
      shape: [1, 4, 4, 4],
    },
    SparseSoftmaxCrossEntropy: {
      f: (x) => softmaxCrossEntropy(x as Tensor2D, tf.tensor1d([0, 2], 'int32')),
      shape: [2, 3],
    },
    SoftmaxCrossEntropy: {
      f: (x) => softmaxCrossEntropy(x as Tensor2D, tf.fill([2, 2], 0.5) as Tensor2D),
      shape: [2, 2],
    },
  };

  for (const [name, { f, shape }] of Object.entries(WITHOUT_STOCK)) {
    it(
      `refuses a second derivative of ${name}, instead of taking its gradient for a constant`,
      withoutLeaks(() => {
        const x = normal(shape, 1);
        // Through the value alone there is a path, so that tfjs would not notice.
        const slope = (x: Tensor) => tf.grad((x: Tensor) => tf.mul(tf.sum(x), f(x)))(x);
        expect(() => tf.grad(slope)(x)).to.throw(`${name} has no second derivative`);
        disposeTape();
      }),
    );
  }

  it(
    'leaves a function with second derivatives of fused activations, in a compiled function too',
    withoutLeaks(() => {
      const dense = normal([4, 3], 2) as Tensor2D;
      const network = (x: Tensor) => tf.sum(tf.sigmoid(tf.matMul(tf.tanh(tf.elu(x)) as Tensor2D, dense)));
      const slope: Differentiable = (x) => tf.grad(network)(x as Tensor);
      const x = normal([2, 4], 1);
      expectFiniteDifferences(slope, [x]);
      const program = compile({ twice: (x: Tensor) => tf.grad(slope)(x) });
      expectClose(program.twice(x), tf.grad(slope)(x), 1e-5);
      program.dispose();
    }),
  );
});
