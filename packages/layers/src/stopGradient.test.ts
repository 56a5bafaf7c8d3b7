import { compile } from '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { stopGradient } from './stopGradient.js';

/** The sum of the squares of each row's three largest numbers but 0, which are chosen by comparison and by rank. */
function hardest(x: tf.Tensor2D): tf.Tensor {
  const detached = stopGradient(x);
  const { values, indices } = tf.topk(detached, 3);
  const least = tf.slice(values, [0, 2], [x.shape[0], 1]);
  const byValue = tf.greaterEqual(detached, least);
  const byIndex = tf.sum(tf.oneHot(tf.cast(indices, 'int32'), x.shape[1]), 1);
  const open = tf.logicalAnd(tf.less(detached, 100), tf.logicalNot(tf.equal(detached, 0)));
  const chosen = tf.where(tf.logicalAnd(open, byValue), tf.cast(byIndex, 'float32'), tf.zerosLike(detached));
  return tf.sum(tf.mul(tf.square(x), chosen));
}

const X = [3, -1, 4, 1, -5, 9, 2, -6, 0, -4, -3, 0, -2, -7];
/** 2x where x is among its row's three largest, and not 0. */
const SLOPE = [6, 0, 8, 0, 0, 18, 0, 0, 0, 0, 0, 0, -4, 0];

/** The values, without the sign of zeros. */
const numbers = (x: tf.Tensor) => Array.from(x.dataSync(), (value) => value + 0);

describe('stopGradient', () => {
  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      it('makes a constant of a tensor, from which comparisons and top-k choose within a loss', () => {
        const tensors = tf.memory().numTensors;
        tf.tidy(() => {
          const x = tf.tensor2d(X, [2, 7]);
          expect(numbers(tf.grad((x) => hardest(x as tf.Tensor2D))(x))).to.deep.equal(SLOPE);
          expect(numbers(tf.grad((x) => tf.mul(x, stopGradient(x)))(x))).to.deep.equal(X);
          expect(numbers(x)).to.deep.equal(X);
        });
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    });
  }

  it('does so in a compiled function too, of arguments and of variables', () => {
    const tensors = tf.memory().numTensors;
    const x = tf.tensor2d(X, [2, 7]);
    const weight = tf.variable(x);
    const program = compile({
      slope: (x: tf.Tensor2D) => tf.grad((x) => hardest(x as tf.Tensor2D))(x),
      variable: () => {
        const { grads } = tf.variableGrads(() => hardest(weight as tf.Tensor2D).asScalar(), [weight]);
        return grads[weight.name] as tf.Tensor;
      },
    });
    for (let call = 0; call < 2; call++) {
      for (const slope of [program.slope(x), program.variable()]) {
        expect(numbers(slope)).to.deep.equal(SLOPE);
        slope.dispose();
      }
    }
    program.dispose();
    tf.dispose([x, weight]);
    expect(tf.memory().numTensors).to.equal(tensors);
  });
});
