/** Detectors as the oracles have them, and what they compute. */

import { refocus } from '@refconv/refconv';
import { applyMomentum, compile, tf } from '@refconv/tensorflow';
import { loadTorchState } from '@refconv/weights';
import type { LayersModel, Scalar, Tensor, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { generatedImages, generatedState } from '../../../backbones/dist/testing/oracle.js';
import { anchorsOf, backboneConvolutions, buildDetector, predictionsOf } from '../detector.js';
import { detectionLosses } from '../loss.js';
import { matchAnchors } from '../matching.js';
import { batchTargets, boxTensor, type ImageTargets } from '../targets.js';
import type { AnchorCase } from './oracle.js';

type Shape = [number, number, number, number];

export interface EvalCase {
  input: string;
  /** NCHW. */
  shape: Shape;
  /** At anchors 0, step, 2·step, … of [n, anchors, classes] and [n, anchors, 4]. */
  step: number;
  logits: number[];
  boxes: number[];
  /** Over the anchors, of each image; first the classes, then the four numbers. */
  sums: number[];
  norms: number[];
  largest: [logits: number, boxes: number];
  spread: [logits: number, boxes: number];
  targets: ImageTargets[];
  matched: [anchor: number, box: number][][];
  losses: [classification: number, regression: number];
  lossSpread: [number, number];
  images: { count: number; detections: number[][] }[];
  /** Of each image. */
  agreement: number[];
}

export interface TrainCase {
  input: string;
  shape: Shape;
  targets: ImageTargets[];
  optimizer: { lr: number; momentum: number; weightDecay: number };
  losses: [classification: number, regression: number][];
  spread: [number, number][];
  gradients: [key: string, norm: number, spread: number][];
}

export interface DetectionOracle {
  backbone: string;
  width: number;
  classes: number;
  parameters: number;
  state: [key: string, shape: number[]][];
  anchors: AnchorCase[];
  eval: EvalCase[];
  train: TrainCase;
  refconv: { convs: string[]; groups: Record<string, number>; trainable: number; eval: EvalCase[]; train: TrainCase };
}

/** The plain network with generated weights. */
export async function build(oracle: DetectionOracle, [, , ...inputSize]: Shape): Promise<LayersModel> {
  const { backbone, width, classes, state } = oracle;
  const model = await buildDetector({ backbone, classes, inputSize, ...(width !== 1 && { width }) });
  loadTorchState(model, generatedState(state));
  return model;
}

/** The same with generated W_r in the backbone. */
export async function buildRefocused(oracle: DetectionOracle, shape: Shape): Promise<LayersModel> {
  const plain = await build(oracle, shape);
  const model = await refocus(plain, { init: 'zero', select: backboneConvolutions });
  plain.dispose();
  const shapes = new Map(oracle.state);
  const convmaps = oracle.refconv.convs.map((name): [string, number[]] => {
    const [outputs = 0, inputs = 0] = shapes.get(`${name}.weight`) ?? [];
    return [`${name}.convmap.weight`, [outputs * inputs, oracle.refconv.groups[name] as number, 3, 3]];
  });
  loadTorchState(model, generatedState([...oracle.state, ...convmaps]));
  return model;
}

const imagesOf = ({ input, shape }: Pick<EvalCase, 'input' | 'shape'>) => {
  const [n, c, h, w] = shape;
  return tf.tensor4d(generatedImages({ input, shape }), [n, h, w, c]);
};

/** Predictions, matches and losses in evaluation mode. */
export function evaluate(model: LayersModel, example: EvalCase, eager = false) {
  const program = compile(
    {
      run: (x: Tensor4D, boxes: Tensor3D, labels: Tensor2D, anchors: Tensor2D) => {
        const predictions = predictionsOf(model, x, false);
        const losses = detectionLosses(predictions, { boxes, labels }, anchors);
        return { ...predictions, ...{ losses, matched: matchAnchors(anchors, { boxes, labels }) } };
      },
    },
    { eager },
  );
  const [x, targets, anchors] = [imagesOf(example), batchTargets(example.targets), boxTensor(anchorsOf(model))];
  const result = program.run(x, targets.boxes, targets.labels, anchors);
  const found = {
    logits: result.logits.dataSync<'float32'>().slice(),
    boxes: result.boxes.dataSync<'float32'>().slice(),
    matched: result.matched.arraySync(),
    losses: [result.losses.classification, result.losses.regression].map((loss) => loss.dataSync()[0] as number),
  };
  program.dispose();
  tf.dispose([x, targets, anchors, result]);
  return found;
}

/** Both losses before each step of SGD, and by its key the norm of each parameter's gradient before the first. */
export function train(model: LayersModel, { optimizer, losses, ...example }: TrainCase, eager = false) {
  const trained = model.trainableWeights as unknown as { val: Variable; originalName: string }[];
  const weights = trained.map(({ val }) => val);
  const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const step = (x: Tensor4D, boxes: Tensor3D, labels: Tensor2D, anchors: Tensor2D) => {
    let parts: Tensor[] = [];
    const { grads } = tf.variableGrads(() => {
      const found = detectionLosses(predictionsOf(model, x, true), { boxes, labels }, anchors);
      parts = [tf.keep(found.classification), tf.keep(found.regression)];
      return tf.addN(parts) as Scalar;
    }, weights);
    const losses = parts.map((part) => tf.clone(part));
    tf.dispose(parts);
    const norms = weights.map(({ name }) => tf.norm(grads[name] as Tensor));
    weights.forEach((variable, i) => {
      const gradient = grads[variable.name] as Tensor;
      const [learningRate, momentum] = [tf.scalar(optimizer.lr), tf.scalar(optimizer.momentum)];
      const accumulator = slots[i] as Variable;
      applyMomentum({ variable, accumulator, gradient, learningRate, momentum, weightDecay: optimizer.weightDecay });
    });
    return { losses, norms };
  };
  const program = compile({ step }, { eager });
  const [x, targets, anchors] = [imagesOf(example), batchTargets(example.targets), boxTensor(anchorsOf(model))];
  const norms = new Map<string, number>();
  const found = losses.map((_, i) => {
    const result = program.step(x, targets.boxes, targets.labels, anchors);
    if (i === 0) {
      for (const [j, { originalName }] of trained.entries())
        norms.set(keyOf(originalName), result.norms[j]?.dataSync()[0] as number);
    }
    const values = result.losses.map((loss) => loss.dataSync()[0] as number);
    tf.dispose(result);
    return values;
  });
  program.dispose();
  tf.dispose([x, targets, anchors, ...slots]);
  return { losses: found, norms };
}

/** PyTorch's name of a weight, whose own name ends in tfjs's for what PyTorch calls weight, bias and convmap. */
function keyOf(originalName: string): string {
  const [layer, own = ''] = originalName.split('/');
  const suffixes: Record<string, string> = { beta: 'bias', bias: 'bias', convmap: 'convmap.weight' };
  return `${layer}.${suffixes[own] ?? 'weight'}`;
}
