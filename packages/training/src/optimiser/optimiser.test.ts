import { readFileSync } from 'node:fs';
import { tf } from '@refconv/tensorflow';
import type { LayersModel } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { partOf, trainBatch } from '../accumulation.js';
import { classifier } from '../classifier.js';
import { checkRecipe, type Recipe } from '../recipe.js';
import { tinyRecipe, withModel } from '../testing/tiny.js';
import { layerDepths } from './depth.js';
import { weightSettings } from './groups.js';
import { registerOptimiser } from './kinds.js';

interface Golden {
  optimiser: string;
  variant: string;
  options: Partial<Recipe>;
  rate: number;
  weights: number[];
  averages?: number[];
}

/** Made by bench/pytorch/optimisers.py. */
const GOLDENS = JSON.parse(readFileSync(new URL('../../goldens/optimisers.json', import.meta.url), 'utf8')) as {
  cases: Golden[];
};
const STEPS = 20;
const BATCH = 8;
const [INPUTS, HIDDEN, CLASSES] = [12, 5, 4];

/** From −1 to 1, of integers alone: the same in every language. */
const numbers = (start: number, count: number) =>
  Float32Array.from({ length: count }, (_, k) => (((start + k) * 7919) % 1009) / 504.5 - 1);

function network(): LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [2, 2, 3] }),
      tf.layers.dense({ name: 'fc1', units: HIDDEN, activation: 'tanh' }),
      tf.layers.dense({ name: 'fc2', units: CLASSES }),
    ],
  });
  tf.tidy(() => {
    const small = (start: number, count: number) => tf.mul(tf.tensor1d(numbers(start, count)), 0.1);
    model.setWeights([
      tf.tensor2d(numbers(1, INPUTS * HIDDEN), [INPUTS, HIDDEN]),
      small(101, HIDDEN),
      tf.tensor2d(numbers(201, HIDDEN * CLASSES), [HIDDEN, CLASSES]),
      small(301, CLASSES),
    ]);
  });
  return model;
}

const batch = (number: number) => ({
  images: tf.tensor4d(numbers(1000 + 96 * number, BATCH * INPUTS), [BATCH, 2, 2, 3]),
  labels: tf.tensor1d(
    Array.from({ length: BATCH }, (_, i) => (number + 3 * i) % CLASSES),
    'int32',
  ),
  seed: tf.tensor1d([1, number], 'int32'),
});

const valuesOf = (model: LayersModel) => model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));

async function train({ optimiser, options, rate }: Golden, eager: boolean) {
  const { accumulate = 1 } = options;
  const model = network();
  const program = classifier(
    model,
    {
      ...{ momentum: 0.9, nesterov: optimiser === 'sgd-nesterov', weightDecay: 0.05, decayNormsAndBiases: true },
      ...{ labelSmoothing: 0, optimiser: { id: optimiser.replace('-nesterov', '') } },
      ...options,
    },
    { eager },
  );
  for (let i = 0; i < STEPS * accumulate; i++) {
    const { labels, ...inputs } = batch(i);
    const part = partOf(i, STEPS * accumulate, accumulate);
    const loss = await trainBatch(
      program,
      { ...inputs, targets: [labels], rate: rate * (1 - part.update / 40) },
      part,
      accumulate,
    );
    tf.dispose([inputs, labels, loss]);
  }
  const weights = valuesOf(model);
  program.exchange();
  const averages = valuesOf(model);
  program.exchange();
  expect(valuesOf(model)).to.deep.equal(weights);
  program.dispose();
  model.dispose();
  return { weights, averages };
}

/** As the issue of exactness goes: 1e-6 of values around 1. */
function expectClose(actual: number[], expected: number[], what: string) {
  expect(actual.length).to.equal(expected.length);
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] as number))));
  expect(worst, what).to.be.below(1e-6);
}

describe('20 steps of an optimiser', () => {
  for (const golden of GOLDENS.cases) {
    it(`equal PyTorch's: ${golden.optimiser}, ${golden.variant}`, async () => {
      const before = tf.memory().numTensors;
      const { weights, averages } = await train(golden, false);
      expectClose(weights, golden.weights, 'weights');
      if (golden.averages) expectClose(averages, golden.averages, 'averages');
      expect(tf.memory().numTensors - before, 'tensors left').to.equal(0);
    });
  }

  for (const name of ['sgd', 'adam', 'adamw', 'rmsprop', 'rmsprop-tf', 'lamb']) {
    it(`are the same operation by operation: ${name} with everything`, async () => {
      const golden = GOLDENS.cases.find(({ optimiser, variant }) => optimiser === name && variant === 'all') as Golden;
      const { weights, averages } = await train(golden, true);
      expectClose(weights, golden.weights, 'weights');
      expectClose(averages, golden.averages as number[], 'averages');
    });
  }
});

describe('the settings of weights', () => {
  it(
    'follow names, the last group that matches, and depth; a pattern that matches nothing is named',
    withModel((model) => {
      const settings = (changes: Partial<Recipe>) =>
        weightSettings(model, tinyRecipe({ weightDecay: 0.1, ...changes }));
      const names = model.trainableWeights.map(({ originalName }) => originalName);
      expect(settings({}).every(({ rate, weightDecay }) => rate === undefined && weightDecay === 0.1)).to.equal(true);
      const groups = [
        { match: '^conv', rate: 0.5 },
        { match: 'conv1', weightDecay: 0 },
        { match: '/bias$', rate: 2 },
      ];
      const found = settings({ groups, decayNormsAndBiases: false });
      const of = (name: string) => found[names.indexOf(name)];
      expect(of('conv1/kernel')).to.deep.equal({ rate: 0.5, weightDecay: 0 });
      expect(of('conv2/kernel')).to.deep.equal({ rate: 0.5, weightDecay: 0.1 });
      expect(of('fc/bias')).to.deep.equal({ rate: 2, weightDecay: 0 });
      expect(of('bn1/gamma')).to.deep.equal({ rate: undefined, weightDecay: 0 });
      const byDepth = settings({ rateByDepth: 0.5 }).map(({ rate }) => rate);
      expect(byDepth).to.deep.equal([0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 1, 1]);
      expect(() => settings({ groups: [{ match: '^nothing$' }] })).to.throw(
        RangeError,
        /group '\^nothing\$' matches no weight .* names such as conv1\/kernel/,
      );
    }),
  );

  it('group the blocks of a backbone by the first number of their names', () => {
    const layer = (name: string, shape: number[] = [3, 3]) => ({ name, weights: [{ shape }] });
    const layers = ['conv_stem', 'bn1', 'blocks.0.0.conv', 'blocks.0.1.conv', 'blocks.1.0.conv', 'classifier'];
    const { depthOf, deepest } = layerDepths({
      layers: layers.map((name) => layer(name, name === 'bn1' ? [3] : [3, 3])),
    } as unknown as LayersModel);
    expect(deepest).to.equal(3);
    expect(layers.map((name) => depthOf(`${name}/kernel`))).to.deep.equal([0, 0, 1, 1, 2, 3]);
  });
});

describe('an optimiser of one’s own', () => {
  it('is known by its name, with options that are checked; a taken name is refused', async () => {
    const facts = {
      about: 'the sign of the gradient',
      options: { scale: { default: 1, valid: (value: number) => value > 0, expected: 'a number above 0' } },
    };
    registerOptimiser('sign', facts, ({ scale }) => ({
      slots: {},
      step:
        () =>
        ({ weight, gradient, learningRate }) =>
          weight.assign(tf.sub(weight, tf.mul(tf.sign(gradient), tf.mul(learningRate, scale as number))) as never),
    }));
    expect(() => registerOptimiser('sign', facts, () => expect.fail())).to.throw(
      /The optimiser 'sign' is registered already/,
    );
    const recipe = tinyRecipe({ optimiser: { id: 'sign', options: { scale: 2 } } });
    expect(checkRecipe(recipe).optimiser).to.deep.equal(recipe.optimiser);
    expect(() => checkRecipe({ ...recipe, optimiser: { id: 'sign', options: { scale: 0 } } })).to.throw(
      'optimiser.options.scale must be a number above 0; given 0',
    );
    const model = network();
    const before = valuesOf(model);
    const program = classifier(model, recipe);
    const inputs = batch(0);
    program.train(inputs.images, inputs.labels, 0.25, inputs.seed).dispose();
    valuesOf(model).forEach((value, i) => {
      expect(Math.abs(value - (before[i] as number))).to.be.closeTo(0.5, 1e-6);
    });
    program.dispose();
    model.dispose();
    tf.dispose(inputs);
  });
});

describe('the parts of a recipe', () => {
  it('are checked with all that is wrong at once', () => {
    const wrong: [Partial<Recipe>, RegExp][] = [
      [
        { optimiser: { id: 'adamx' } },
        /optimiser must be an object such as \{ id: 'adamw' \}, with one of sgd, adam, .*adamx/,
      ],
      [
        { optimiser: { id: 'adamw', options: { beta1: 1, rho: 2 } } },
        /options\.beta1 must be a number from 0.*options\.rho must be left out: adamw has beta1, beta2, epsilon/,
      ],
      [
        { clipNorm: 0, accumulate: 1.5, rateByDepth: 2 },
        /clipNorm must be a number above 0; given 0; accumulate must be an integer.*rateByDepth/,
      ],
      [{ averaging: { decay: 1 } }, /averaging\.decay must be a number from 0 to below 1; given 1/],
      [{ groups: [{ match: '(' }] }, /groups\.0\.match must be a regular expression; given "\("/],
      [
        { groups: [{ match: 'a', lr: 1 } as never] },
        /groups\.0\.lr must be left out: it is unknown; there are match, rate, weightDecay/,
      ],
    ];
    for (const [changes, message] of wrong)
      expect(() => checkRecipe(tinyRecipe(changes))).to.throw(RangeError, message);
  });
});
