/** Reads the oracles of segmentation, and computes what they hold. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { merge, refocus } from '@refconv/refconv';
import { applyMomentum, compile, tf } from '@refconv/tensorflow';
import { loadTorchState } from '@refconv/weights';
import type { LayersModel, Scalar, Tensor, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { generatedImages, generatedState, shared, uniform } from '../../../backbones/dist/testing/oracle.js';
import { nudged } from '../../../backbones/dist/testing/reference.js';
import { buildSegmenter, pixelCrossEntropy } from '../index.js';

type Shape = [number, number, number, number];

export interface EvalCase {
  input: string;
  /** NCHW. */
  shape: Shape;
  /** At rows and columns 0, step, 2·step, … of [n, classes, h, w]. */
  step: number;
  logits: number[];
  /** Over the pixels, of each image and class. */
  sums: number[];
  norms: number[];
  largest: number;
  labels: string;
  loss: number;
  spread: number;
  lossSpread: number;
}

export interface TrainCase {
  input: string;
  shape: Shape;
  labels: string;
  optimizer: { lr: number; momentum: number; weightDecay: number };
  losses: number[];
  spread: number[];
  gradients: [key: string, norm: number, spread: number][];
}

export interface Oracle {
  backbone: string;
  width: number;
  outputStride: 16 | 32;
  classes: number;
  parameters: number;
  state: [key: string, shape: number[]][];
  eval: EvalCase[];
  train: TrainCase;
  refconv: {
    convs: string[];
    groups: Record<string, number>;
    trainable: number;
    eval: EvalCase[];
    train: TrainCase;
  };
}

/** What lies in the shared folder's oracles of dense prediction; undefined where the folder is missing. */
export function readDense<T>(name: string): T | undefined {
  const path = join(shared, 'oracles', 'dense', `${name}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** The plain network with generated weights, which are nudged as the tests of packages/backbones do. */
export async function build(oracle: Oracle, [, , ...inputSize]: Shape, nudge = 0): Promise<LayersModel> {
  const { backbone, width, outputStride, classes, state } = oracle;
  const given = { backbone, outputStride, classes, inputSize };
  const model = await buildSegmenter({ ...given, ...(width !== 1 && { width }) });
  loadTorchState(model, nudged(generatedState(state), nudge));
  return model;
}

/** The same with generated W_r. */
export async function buildRefocused(oracle: Oracle, shape: Shape, nudge = 0): Promise<LayersModel> {
  const plain = await build(oracle, shape);
  const model = await refocus(plain, { init: 'zero' });
  plain.dispose();
  const shapes = new Map(oracle.state);
  const convmaps = oracle.refconv.convs.map((name): [string, number[]] => {
    const [outputs = 0, inputs = 0] = shapes.get(`${name}.weight`) ?? [];
    const count = outputs * inputs;
    return [`${name}.convmap.weight`, [count, oracle.refconv.groups[name] as number, 3, 3]];
  });
  loadTorchState(model, nudged(generatedState([...oracle.state, ...convmaps]), nudge));
  return model;
}

export { merge };

export function imagesOf({ input, shape }: Pick<EvalCase, 'input' | 'shape'>): Tensor4D {
  const [n, c, h, w] = shape;
  return tf.tensor4d(generatedImages({ input, shape }), [n, h, w, c]);
}

/** Class numbers [n, h, w]; the one beyond the last stands for 255. */
export function labelsOf(
  { labels, shape: [n, , h, w] }: Pick<EvalCase, 'labels' | 'shape'>,
  classes: number,
): Tensor3D {
  const numbers = uniform(labels, n * h * w).map((u) => Math.floor(u * (classes + 1)));
  return tf.tensor3d(
    Int32Array.from(numbers, (label) => (label === classes ? 255 : label)),
    [n, h, w],
    'int32',
  );
}

/** Logits [n, classes, h, w] and the loss, in evaluation mode. */
export function evaluate(model: LayersModel, example: EvalCase, classes: number, eager = false) {
  const program = compile(
    {
      evaluate: (x: Tensor4D, y: Tensor3D) => {
        const logits = model.apply(x, { training: false }) as Tensor4D;
        return { logits: tf.transpose(logits, [0, 3, 1, 2]), loss: pixelCrossEntropy(logits, y) };
      },
    },
    { eager },
  );
  const [x, y] = [imagesOf(example), labelsOf(example, classes)];
  const { logits, loss } = program.evaluate(x, y);
  const found = { logits: logits.dataSync<'float32'>().slice(), loss: loss.dataSync()[0] as number };
  program.dispose();
  tf.dispose([x, y, logits, loss]);
  return found;
}

/** The loss before each step of SGD, and the norm of each parameter's gradient before the first. */
export function train(model: LayersModel, example: TrainCase, classes: number, eager = false) {
  const { optimizer, losses } = example;
  const trained = model.trainableWeights as unknown as { val: Variable; originalName: string }[];
  const weights = trained.map(({ val }) => val);
  const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const step = (x: Tensor4D, y: Tensor3D) => {
    const loss = () => pixelCrossEntropy(model.apply(x, { training: true }) as Tensor4D, y) as Scalar;
    const { value, grads } = tf.variableGrads(loss, weights);
    const norms = weights.map(({ name }) => tf.norm(grads[name] as Tensor));
    weights.forEach((variable, i) => {
      const gradient = grads[variable.name] as Tensor;
      const [learningRate, momentum] = [tf.scalar(optimizer.lr), tf.scalar(optimizer.momentum)];
      const accumulator = slots[i] as Variable;
      applyMomentum({ variable, accumulator, gradient, learningRate, momentum, weightDecay: optimizer.weightDecay });
    });
    return { value, norms };
  };
  const program = compile({ step }, { eager });
  const [x, y] = [imagesOf(example), labelsOf(example, classes)];
  const norms = new Map<string, number>();
  const found = losses.map((_, i) => {
    const result = program.step(x, y);
    if (i === 0) {
      for (const [j, { originalName }] of trained.entries())
        norms.set(originalName, result.norms[j]?.dataSync()[0] as number);
    }
    const [value] = result.value.dataSync();
    tf.dispose(result);
    return value as number;
  });
  program.dispose();
  tf.dispose([x, y, ...slots]);
  return { losses: found, norms };
}
