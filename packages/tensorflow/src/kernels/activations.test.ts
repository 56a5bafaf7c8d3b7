import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import {
  type Differentiable,
  expectFiniteDifferences,
  expectSame,
  expectSameCompiled,
  normal,
  operationsOf,
  tensorsLeft,
} from './testing.js';

// Klambauer et al. 2017, equation 14.
const SCALE = 1.0507009873554805;
const ALPHA = 1.6732632423543772;
const SLOPE = 0.3;

const sigma = (x: number) => 1 / (1 + Math.exp(-x));

interface Case {
  f: Differentiable;
  /** The same, of operations whose gradients are tfjs's. */
  reference: Differentiable;
  secondDerivative(x: number): number;
  /** Defined for positive numbers alone. */
  positive?: boolean;
}

const CASES: Record<string, Case> = {
  relu: { f: (x) => tf.relu(x), reference: (x) => tf.maximum(x, 0), secondDerivative: () => 0 },
  relu6: {
    f: (x) => tf.relu6(x),
    reference: (x) => tf.minimum(tf.maximum(x, 0), 6),
    secondDerivative: () => 0,
  },
  leakyRelu: {
    f: (x) => tf.leakyRelu(x, SLOPE),
    reference: (x) => tf.add(tf.maximum(x, 0), tf.mul(tf.minimum(x, 0), SLOPE)),
    secondDerivative: () => 0,
  },
  elu: {
    f: (x) => tf.elu(x),
    reference: (x) => tf.add(tf.maximum(x, 0), tf.expm1(tf.minimum(x, 0))),
    secondDerivative: (x) => (x > 0 ? 0 : Math.exp(x)),
  },
  selu: {
    f: (x) => tf.selu(x),
    reference: (x) => tf.mul(tf.add(tf.maximum(x, 0), tf.mul(tf.expm1(tf.minimum(x, 0)), ALPHA)), SCALE),
    secondDerivative: (x) => (x > 0 ? 0 : SCALE * ALPHA * Math.exp(x)),
  },
  softplus: {
    f: (x) => tf.softplus(x),
    reference: (x) => tf.log(tf.add(tf.exp(x), 1)),
    secondDerivative: (x) => sigma(x) * sigma(-x),
  },
  sigmoid: {
    f: (x) => tf.sigmoid(x),
    reference: (x) => tf.div(1, tf.add(tf.exp(tf.neg(x)), 1)),
    secondDerivative: (x) => sigma(x) * sigma(-x) * (1 - 2 * sigma(x)),
  },
  tanh: {
    f: (x) => tf.tanh(x),
    reference: (x) => {
      const [up, down] = [tf.exp(x), tf.exp(tf.neg(x))];
      return tf.div(tf.sub(up, down), tf.add(up, down));
    },
    secondDerivative: (x) => -2 * Math.tanh(x) * (1 - Math.tanh(x) ** 2),
  },
  sqrt: {
    f: (x) => tf.sqrt(x),
    reference: (x) => tf.pow(x, 0.5),
    secondDerivative: (x) => -0.25 * x ** -1.5,
    positive: true,
  },
  rsqrt: {
    f: (x) => tf.rsqrt(x),
    reference: (x) => tf.pow(x, -0.5),
    secondDerivative: (x) => 0.75 * x ** -2.5,
    positive: true,
  },
};

/** Numbers on both sides of every bend, none nearer to one than 0.04. */
function points({ positive = false }: Case): Tensor {
  const values = Array.from(normal([3, 4, 5], 1, 1, 4).dataSync(), (value) =>
    positive ? Math.abs(value) + 0.3 : value,
  );
  const apart = values.map((value) => (Math.min(Math.abs(value), Math.abs(value - 6)) < 0.04 ? value + 0.1 : value));
  return tf.tensor(apart, [3, 4, 5]);
}

const nested = (f: Differentiable): Differentiable => tf.grad((x: Tensor) => tf.grad(f)(x));

for (const [name, activation] of Object.entries(CASES)) {
  const { f, reference, secondDerivative } = activation;

  describe(`tf.${name}`, () => {
    it(
      'has the value and the gradient of its formula',
      withoutLeaks(() => {
        const x = points(activation);
        if (!activation.positive) expect(x.dataSync().some((value) => value < -1)).to.equal(true);
        expect(x.dataSync().some((value) => value > 6.5)).to.equal(true);
        expectSame(f, reference, [x]);
      }),
    );

    it(
      'has the gradient of finite differences',
      withoutLeaks(() => expectFiniteDifferences(f, [points(activation)])),
    );

    it(
      'has its second derivative',
      withoutLeaks(() => {
        const x = points(activation);
        expectClose(nested(f)(x), Array.from(x.dataSync(), secondDerivative), 1e-5);
      }),
    );

    it(
      'has the second derivative of a product with it, through value and gradient both',
      withoutLeaks(() => {
        const x = points(activation);
        const slope = tf.grad(f)(x).dataSync();
        // (x·f)″ = 2f′ + x·f″
        const expected = Array.from(
          x.dataSync(),
          (value, i) => 2 * (slope[i] as number) + value * secondDerivative(value),
        );
        expectClose(nested((x) => tf.mul(x as Tensor, f(x as Tensor)))(x), expected, 1e-5);
      }),
    );

    it(
      'is the same in a compiled function, with one operation for its gradient',
      withoutLeaks(() => {
        expectSameCompiled(f, [points(activation)]);
        const kernel = (name[0] as string).toUpperCase() + name.slice(1);
        expect(operationsOf(f, [points(activation)])).to.include(`${kernel}Grad`);
      }),
    );

    it(
      'leaves its result alone',
      withoutLeaks(() => {
        const x = points(activation);
        expect(tensorsLeft(() => f(x))).to.equal(1);
        expect(tensorsLeft(() => tf.grad(f)(x))).to.equal(1);
        expect(tensorsLeft(() => nested(f)(x))).to.equal(1);
      }),
    );
  });
}

describe('Activations at their bends', () => {
  const slopeAt = (f: Differentiable, ...x: number[]) => [...tf.grad(f)(tf.tensor1d(x)).dataSync()];

  it(
    'take the slope that PyTorch takes',
    withoutLeaks(() => {
      expect(slopeAt((x) => tf.relu(x as Tensor), 0)).to.deep.equal([0]);
      expect(slopeAt((x) => tf.relu6(x as Tensor), 0, 6)).to.deep.equal([0, 0]);
      expect(slopeAt((x) => tf.leakyRelu(x as Tensor, 0.25), 0)).to.deep.equal([0.25]);
      expect(slopeAt((x) => tf.elu(x as Tensor), 0)).to.deep.equal([1]);
    }),
  );

  it(
    'stay finite far out',
    withoutLeaks(() => {
      const x = [-1e4, 1e4];
      expect(slopeAt((x) => tf.softplus(x as Tensor), ...x)).to.deep.equal([0, 1]);
      expectClose(tf.softplus(tf.tensor1d(x)), [0, 1e4]);
      expect(slopeAt((x) => tf.tanh(x as Tensor), ...x)).to.deep.equal([0, 0]);
      expect(slopeAt((x) => tf.elu(x as Tensor), ...x)).to.deep.equal([0, 1]);
    }),
  );
});
