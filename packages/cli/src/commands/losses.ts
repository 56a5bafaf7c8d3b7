import { BACKBONES } from '@refconv/backbones';
import { anchorsOf, boxTensor, detectionLosses } from '@refconv/detection';
import { openSource, type SourceOptions } from '@refconv/runs/networks';
import { pixelCrossEntropy } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import type { LayersModel, Scalar, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { readTargets } from '../detection.js';
import { type ImageArray, readImages } from '../images.js';
import { readPixelLabels } from '../segmentation.js';
import { type Losses, type SgdOptions, sgd } from '../sgd.js';

interface LossesOptions extends SourceOptions {
  input: string;
  /** Of each image; for segmentation a file with those of the pixels. */
  labels?: number[] | string;
  /** Of detection: a file. */
  boxes?: string;
  steps: number;
  lr: number;
  momentum: number;
  weightDecay: number;
}

export async function losses(options: LossesOptions): Promise<void> {
  const { input, labels, boxes, steps, lr, momentum, weightDecay, ...source } = options;
  const { task = 'classification' } = source;
  const trainerOf = trainerFor(task, labels, boxes);
  const images = await readImages(input);
  const { model } = await openSource({ ...source, ...withoutRandomness(source.backbone) }, images);
  const trainer = await trainerOf(images, model, { momentum, weightDecay });
  const x = images.batch(0, images.count);
  const found: number[][] = [];
  for (let step = 0; step < steps; step++) {
    const parts = trainer.step(x, lr);
    found.push(parts.map((part) => part.dataSync()[0] as number));
    tf.dispose(parts);
  }
  trainer.dispose();
  x.dispose();
  console.log(JSON.stringify(task === 'detection' ? found : found.flat()));
}

/** Trains on the targets of one batch. */
interface Trainer {
  /** Gives the parts of the loss before it. */
  step(images: Tensor4D, learningRate: number): Scalar[];
  dispose(): void;
}

type TrainerOf = (images: ImageArray, model: LayersModel, options: SgdOptions) => Promise<Trainer>;

/** @throws Error where the options are not those of the task. */
function trainerFor(task: string, labels: number[] | string | undefined, boxes: string | undefined): TrainerOf {
  if (task === 'detection') {
    if (boxes !== undefined) return (images, model, options) => boxTrainer(boxes, images, model, options);
    throw new Error('--boxes must name a JSON file with the boxes of the images for detection.');
  }
  if (task === 'segmentation') {
    if (typeof labels === 'string') return (images, model, options) => pixelTrainer(labels, images, model, options);
    throw new Error(
      `--labels must be a .npy of integers [n, height, width] for segmentation; given ${labels ?? 'nothing'}.`,
    );
  }
  if (labels === undefined || typeof labels === 'string') {
    throw new Error(
      `--labels must be a list of classes, such as 3,1,2,0, for classification; given ${labels ?? 'nothing'}.`,
    );
  }
  return (images, model, options) => classTrainer(labels, images, model, options);
}

const classesOf = (model: LayersModel) => model.outputs[0]?.shape.at(-1) as number;

async function classTrainer(labels: number[], images: ImageArray, model: LayersModel, options: SgdOptions) {
  if (labels.length !== images.count)
    throw new Error(`--labels has ${labels.length} classes for the ${images.count} images of --input.`);
  const classes = classesOf(model);
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined)
    throw new Error(`--labels has the class ${wrong}; the model has classes 0 to ${classes - 1}.`);
  const program = classifier(model, { ...options, decayNormsAndBiases: true, labelSmoothing: 0 });
  const y = tf.tensor1d(labels, 'int32');
  return {
    step: (x: Tensor4D, lr: number) => [program.train(x, y, lr)],
    dispose: () => {
      program.dispose();
      y.dispose();
    },
  };
}

async function pixelTrainer(path: string, images: ImageArray, model: LayersModel, options: SgdOptions) {
  const labels = await readPixelLabels(path, images, classesOf(model));
  return sgd(model, (logits, [y]) => [pixelCrossEntropy(logits as Tensor4D, y as Tensor3D)], [labels], options);
}

async function boxTrainer(path: string, images: ImageArray, model: LayersModel, options: SgdOptions) {
  const targets = await readTargets(path, images, classesOf(model));
  const losses: Losses = (outputs, targets) => {
    const [logits, codes] = outputs as [Tensor3D, Tensor3D];
    const [boxes, labels, anchors] = targets as [Tensor3D, Tensor2D, Tensor2D];
    const { classification, regression } = detectionLosses({ logits, boxes: codes }, { boxes, labels }, anchors);
    return [classification, regression];
  };
  return sgd(model, losses, [targets.boxes, targets.labels, boxTensor(anchorsOf(model))], options);
}

/** Dropout and stochastic depth off, where the network has them. */
function withoutRandomness(backbone: string | undefined): Record<string, number> {
  const { options = [] } = BACKBONES.find(backbone) ?? {};
  return Object.fromEntries(options.filter((name) => /dropout|stochasticDepth/i.test(name)).map((name) => [name, 0]));
}
