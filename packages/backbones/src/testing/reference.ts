/** Compares networks with what their references compute. */
import { variablesOf } from '@refconv/layers';
import { applyMomentum, compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { TorchState } from '@refconv/weights';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type EvalCase, generatedImages, type TrainCase, uniform } from './oracle.js';

/** Whether all cases of the oracles are to run (`npm run test:oracles`), not only the fast ones. */
export const ALL_CASES = process.env.REFCONV_ORACLES === 'all';

export function imagesOf(example: Pick<EvalCase, 'input' | 'shape'>): Tensor4D {
  const [n, c, h, w] = example.shape;
  return tf.tensor4d(generatedImages(example), [n, h, w, c]);
}

export function logitsOf(model: LayersModel, example: Pick<EvalCase, 'input' | 'shape'>, eager = false): number[] {
  const evaluate = (x: Tensor4D) => model.apply(x, { training: false }) as Tensor;
  const program = compile({ evaluate }, { eager });
  const x = imagesOf(example);
  const logits = program.evaluate(x);
  const values = [...logits.dataSync()];
  tf.dispose([x, logits]);
  program.dispose();
  return values;
}

/** The loss before each step of SGD. */
export function lossesOf(model: LayersModel, example: TrainCase, eager = false): number[] {
  const { labels, optimizer, losses } = example;
  const weights = variablesOf(model.trainableWeights);
  const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const train = (x: Tensor4D, y: Tensor1D) => {
    const loss = () => tf.mean(softmaxCrossEntropy(model.apply(x, { training: true }) as Tensor2D, y)) as Scalar;
    const { value, grads } = tf.variableGrads(loss, weights);
    weights.forEach((variable, i) => {
      const gradient = tf.add(grads[variable.name] as Tensor, tf.mul(variable, optimizer.weightDecay));
      const [learningRate, momentum] = [tf.scalar(optimizer.lr), tf.scalar(optimizer.momentum)];
      applyMomentum({ variable, accumulator: slots[i] as Variable, gradient, learningRate, momentum });
    });
    return value;
  };
  const program = compile({ train }, { eager });
  const [x, y] = [imagesOf(example), tf.tensor1d(labels, 'int32')];
  const found = losses.map(() => {
    const loss = program.train(x, y);
    const [value] = loss.dataSync();
    loss.dispose();
    return value as number;
  });
  program.dispose();
  tf.dispose([x, y, ...slots]);
  return found;
}

/** The tolerance that belongs to the oracles. */
export function expectLogits(logits: number[], example: EvalCase): void {
  const tolerance = (1e-4 + 3 * example.spread) * Math.max(...example.logits.map(Math.abs));
  expect(logits.length).to.equal(example.logits.length);
  example.logits.forEach((value, i) => {
    expect(logits[i], `logit ${i}`).to.be.closeTo(value, tolerance);
  });
}

/** Changes each weight by one unit in its last place or not at all; not at all where `nudge` is 0. */
export function nudged(state: TorchState, nudge: number): TorchState {
  if (nudge === 0) return state;
  return new Map(
    [...state].map(([key, { shape, data }]) => {
      const numbers = uniform(`${key}, nudge ${nudge}`, data.length);
      return [key, { shape, data: data.map((value, i) => value * (1 + 1.2e-7 * (2 * (numbers[i] as number) - 1))) }];
    }),
  );
}

/**
 * A feature may lie so near the kink of a ReLU, or of a maximum, that the order of roundings in float32, which is the processor's,
 * decides on which side, and one side is not the float64 reference's: from the second loss on all differ, by up to 4 % (refocused
 * shufflenetv1_g3). On the reference's side all agree to 1e-4. So a network that differs is also computed from weights changed by at
 * most one unit in the last place, so many times; one of them must agree in all losses.
 */
const NUDGES = 16;

/** Trains the network that is built from weights nudged so. */
export async function expectTraining(
  build: (nudge: number) => LayersModel | Promise<LayersModel>,
  example: TrainCase,
  eager = false,
): Promise<void> {
  for (let nudge = 0; ; nudge++) {
    const model = await build(nudge);
    const found = lossesOf(model, example, eager);
    model.dispose();
    // The tolerance that belongs to the oracles.
    const tolerances = example.losses.map(
      (loss, step) => 1e-4 + 1e-3 * loss + 3 * (example.spread[step] as number) * loss,
    );
    const isNear = (loss: number, step: number) =>
      Math.abs((found[step] as number) - loss) <= (tolerances[step] as number);
    if (example.losses.every(isNear)) return;
    // Before the first step no gradient has been taken: no kink explains a difference.
    const isAtKink = isNear(example.losses[0] as number, 0);
    if (isAtKink && nudge < NUDGES) continue;
    example.losses.forEach((loss, step) => {
      expect(found[step], `loss of step ${step}`).to.be.closeTo(loss, tolerances[step] as number);
    });
  }
}

/** In a describe: every test must leave as many tensors as it found. */
export function expectNoLeaks(): void {
  let tensors: number;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).to.equal(tensors);
  });
}
