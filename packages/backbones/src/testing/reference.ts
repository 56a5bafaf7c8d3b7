/** Compares networks with what their references compute. */
import { applyMomentum, compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type EvalCase, generatedImages, type TrainCase } from './oracle.js';

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
  const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Variable }).val);
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

/** The tolerance that belongs to the oracles. */
export function expectLosses(found: number[], { losses, spread }: TrainCase): void {
  losses.forEach((loss, step) => {
    const tolerance = 1e-4 + 1e-3 * loss + 3 * (spread[step] as number) * loss;
    expect(found[step], `loss of step ${step}`).to.be.closeTo(loss, tolerance);
  });
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
