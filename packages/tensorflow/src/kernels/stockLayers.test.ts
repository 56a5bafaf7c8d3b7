import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { expectFiniteDifferences, expectSame, expectSameCompiled, kernelsOf, normal, tensorsLeft } from './testing.js';

type Arguments = NonNullable<Parameters<typeof tf.layers.batchNormalization>[0]>;

const EPSILON = 1e-2;
const MOMENTUM = 0.8;

/** A model of one batch normalisation, with weights that differ from what they begin as. */
function model(inputShape: number[], args: Arguments = {}): LayersModel {
  const layer = tf.layers.batchNormalization({ epsilon: EPSILON, momentum: MOMENTUM, inputShape, ...args });
  const model = tf.sequential({ layers: [layer] });
  const weights = layer.getWeights().map(({ shape }, i) => tf.add(tf.abs(normal(shape, i + 10)), 0.1));
  layer.setWeights(weights);
  return model;
}

/** The model's weights by their names: gamma, beta, moving_mean, moving_variance. */
function weightsOf(model: LayersModel): Record<string, Tensor | undefined> {
  return Object.fromEntries(model.weights.map((weight) => [weight.originalName.replace(/.*\//, ''), weight.read()]));
}

/** The axes of the batch's statistics: all but the channels'. */
const otherAxes = (x: Tensor, axis: number) => x.shape.map((_, i) => i).filter((i) => i !== (axis + x.rank) % x.rank);

/** What the layer gives in training, in plain operations. */
function formula(x: Tensor, axis: number, gamma?: Tensor, beta?: Tensor): Tensor {
  const shape = x.shape.map((size, i) => (i === (axis + x.rank) % x.rank ? size : 1));
  const mean = tf.mean(x, otherAxes(x, axis), true);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), otherAxes(x, axis), true);
  const normalised = tf.mul(tf.sub(x, mean), tf.pow(tf.add(variance, EPSILON), -0.5));
  const scaled = gamma ? tf.mul(normalised, tf.reshape(gamma, shape)) : normalised;
  return beta ? tf.add(scaled, tf.reshape(beta, shape)) : scaled;
}

const apply = (layers: LayersModel, x: Tensor, training: boolean) => layers.apply(x, { training }) as Tensor;

/** The moving averages that a step of training must give. */
function averages(x: Tensor, axis: number, weights: Record<string, Tensor | undefined>) {
  const { moving_mean: mean, moving_variance: variance } = weights;
  const moments = tf.moments(x, otherAxes(x, axis));
  const average = (old: Tensor, batch: Tensor) => tf.add(tf.mul(old, MOMENTUM), tf.mul(batch, 1 - MOMENTUM));
  return { mean: average(mean as Tensor, moments.mean), variance: average(variance as Tensor, moments.variance) };
}

interface Case {
  shape: number[];
  args?: Arguments;
  /** Whether the fused kernel is used. */
  fused: boolean;
}

const CASES: Record<string, Case> = {
  images: { shape: [4, 3, 5, 6], fused: true },
  'features of rank 2': { shape: [9, 6], fused: true },
  'sequences of rank 3': { shape: [3, 4, 6], fused: true },
  'images, with the last axis by its number': { shape: [4, 3, 5, 6], args: { axis: 3 }, fused: true },
  'images without scale': { shape: [4, 3, 5, 6], args: { scale: false }, fused: true },
  'images without center': { shape: [4, 3, 5, 6], args: { center: false }, fused: true },
  'features with neither': { shape: [9, 6], args: { scale: false, center: false }, fused: true },
  'images with the channels first': { shape: [4, 6, 3, 5], args: { axis: 1 }, fused: false },
  'one vector': { shape: [1, 6], fused: false },
};

describe('tf.layers.batchNormalization', () => {
  for (const [name, { shape, args = {}, fused }] of Object.entries(CASES)) {
    const axis = args.axis ?? -1;

    it(
      `normalises ${name} in training, and averages mean and biased variance`,
      withoutLeaks(async () => {
        const layers = model(shape.slice(1), args);
        const { gamma, beta, ...moving } = weightsOf(layers);
        const x = normal(shape, 1, 1, 2);
        const expected = averages(x, axis, moving);
        expectClose(apply(layers, x, true), formula(x, axis, gamma, beta), 1e-5);
        const after = weightsOf(layers);
        expectClose(after.moving_mean as Tensor, expected.mean, 1e-5);
        expectClose(after.moving_variance as Tensor, expected.variance, 1e-5);

        const names = await kernelsOf(() => apply(layers, x, true));
        expect(names.includes('BatchNormTraining')).to.equal(fused);
        layers.dispose();
      }),
    );

    // tfjs's own code has no gradient where the channels are not last.
    if (axis !== 1)
      it(
        `has the gradients for ${name} in training`,
        withoutLeaks(() => {
          const layers = model(shape.slice(1), args);
          const { gamma, beta } = weightsOf(layers);
          const x = normal(shape, 1, 1, 2);
          expectSame(
            (x) => apply(layers, x as Tensor, true),
            (x) => formula(x as Tensor, axis, gamma, beta),
            [x],
          );
          const dy = normal(shape, 2);
          if (gamma || beta) {
            const actual = tf.variableGrads(() => tf.sum(tf.mul(apply(layers, x, true), dy))).grads;
            const wanted = tf.variableGrads(() => tf.sum(tf.mul(formula(x, axis, gamma, beta), dy))).grads;
            expect(Object.keys(actual)).to.deep.equal(Object.keys(wanted));
            for (const name in wanted) expectClose(actual[name] as Tensor, wanted[name] as Tensor, 1e-4);
          }
          layers.dispose();
        }),
      );

    it(
      `normalises ${name} by the moving averages in inference, and leaves them`,
      withoutLeaks(() => {
        const layers = model(shape.slice(1), args);
        const { gamma, beta, moving_mean: mean, moving_variance: variance } = weightsOf(layers);
        const before = [mean, variance].map((weight) => (weight as Tensor).dataSync());
        const x = normal(shape, 1, 1, 2);
        const broadcast = shape.map((size, i) => (i === (axis + shape.length) % shape.length ? size : 1));
        const along = (weight: Tensor | undefined, otherwise: number) =>
          weight ? tf.reshape(weight, broadcast) : tf.scalar(otherwise);
        const spread = tf.pow(tf.add(along(variance, 1), EPSILON), -0.5);
        const f = (x?: Tensor) => apply(layers, x as Tensor, false);
        const reference = (x?: Tensor) =>
          tf.add(tf.mul(tf.mul(tf.sub(x as Tensor, along(mean, 0)), spread), along(gamma, 1)), along(beta, 0));
        expectSame(f, reference, [x]);
        const after = weightsOf(layers);
        expectClose(after.moving_mean as Tensor, before[0] as Float32Array, 0);
        expectClose(after.moving_variance as Tensor, before[1] as Float32Array, 0);
        layers.dispose();
      }),
    );
  }

  it(
    'trains in a compiled function as outside of it',
    withoutLeaks(() => {
      const layers = model([3, 5, 6]);
      const [x, dy] = [normal([4, 3, 5, 6], 1, 1, 2), normal([4, 3, 5, 6], 2)];
      const step = (x: Tensor, dy: Tensor) => {
        const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(apply(layers, x, true), dy)));
        return { value, grads: grads as Record<string, Tensor> };
      };
      const start = layers.getWeights().map((weight) => weight.clone());
      const { value, grads } = step(x, dy);
      const trained = layers.getWeights().map((weight) => weight.clone());
      layers.setWeights(start);
      const program = compile({ step });
      const compiled = program.step(x, dy);
      expectClose(compiled.value, value, 1e-5);
      for (const name in grads) expectClose(compiled.grads[name] as Tensor, grads[name] as Tensor, 1e-5);
      for (const [i, weight] of layers.getWeights().entries()) expectClose(weight, trained[i] as Tensor, 1e-5);
      program.dispose();
      layers.dispose();
    }),
  );

  it(
    'has second derivatives',
    withoutLeaks(() => {
      const layers = model([3]);
      // The fourth power: the sum of squares of a normalised batch is nearly constant.
      const gradient = tf.grad((x: Tensor) => tf.sum(tf.pow(apply(layers, x, true), 4)));
      expectFiniteDifferences((x) => gradient(x as Tensor), [normal([5, 3], 1)]);
      layers.dispose();
    }),
  );
});

describe("tf.layers' relu6", () => {
  it(
    'is one operation with the value and gradient of min(max(x, 0), 6), also in a compiled function',
    withoutLeaks(async () => {
      const layer = tf.layers.activation({ activation: 'relu6' });
      const f = (x?: Tensor) => layer.apply(x as Tensor) as Tensor;
      const x = normal([50], 1, 3, 5);
      expect(x.dataSync().some((value) => value < 0)).to.equal(true);
      expect(x.dataSync().some((value) => value > 6)).to.equal(true);
      expectSame(f, (x) => tf.minimum(tf.maximum(x as Tensor, 0), 6), [x]);
      expectSameCompiled(f, [x]);
      expect(await kernelsOf(() => f(x))).to.deep.equal(['Relu6']);
      expect(tensorsLeft(() => f(x))).to.equal(1);
    }),
  );
});
