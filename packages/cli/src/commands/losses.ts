import { BACKBONES } from '@refconv/backbones';
import { anchorsOf, boxTensor, detectionLosses } from '@refconv/detection';
import { pixelCrossEntropy } from '@refconv/segmentation';
import { softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { readTargets } from '../detection.js';
import { type ImageArray, readImages } from '../images.js';
import { readPixelLabels } from '../segmentation.js';
import { type Losses, sgd } from '../sgd.js';
import { openSource, type SourceOptions, type TaskId } from '../source.js';

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
  const targetsOf = targetsFor(task, labels, boxes);
  const images = await readImages(input);
  const { model } = await openSource({ ...source, ...withoutRandomness(source.backbone) }, images);
  const { losses, targets } = await targetsOf(images, model);
  const program = sgd(model, losses, { momentum, weightDecay });
  const x = images.batch(0, images.count);
  const found: number[][] = [];
  for (let step = 0; step < steps; step++) {
    const parts = program.train(x, lr, ...targets);
    found.push(parts.map((part) => part.dataSync()[0] as number));
    tf.dispose(parts);
  }
  program.dispose();
  tf.dispose([x, ...targets]);
  console.log(JSON.stringify(task === 'detection' ? found : found.flat()));
}

/** What is to be learned, and the losses of it. */
interface Targets {
  losses: Losses;
  targets: Tensor[];
}

/** @throws Error where the options are not those of the task. */
function targetsFor(
  task: TaskId,
  labels: number[] | string | undefined,
  boxes: string | undefined,
): (images: ImageArray, model: LayersModel) => Promise<Targets> {
  if (task === 'detection') {
    if (boxes === undefined)
      throw new Error('--boxes must name a JSON file with the boxes of the images for detection.');
    return (images, model) => boxTargets(boxes, images, model);
  }
  if (task === 'segmentation') {
    if (typeof labels === 'string') return (images, model) => pixelTargets(labels, images, model);
    throw new Error(
      `--labels must be a .npy of integers [n, height, width] for segmentation; given ${labels ?? 'nothing'}.`,
    );
  }
  if (labels === undefined || typeof labels === 'string')
    throw new Error(
      `--labels must be a list of classes, such as 3,1,2,0, for classification; given ${labels ?? 'nothing'}.`,
    );
  return (images, model) => classTargets(labels, images, model);
}

const classesOf = (model: LayersModel) => model.outputs[0]?.shape.at(-1) as number;

async function classTargets(labels: number[], images: ImageArray, model: LayersModel): Promise<Targets> {
  if (labels.length !== images.count)
    throw new Error(`--labels has ${labels.length} classes for the ${images.count} images of --input.`);
  const classes = classesOf(model);
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined)
    throw new Error(`--labels has the class ${wrong}; the model has classes 0 to ${classes - 1}.`);
  return {
    losses: (logits, [y]) => [tf.mean(softmaxCrossEntropy(logits as Tensor2D, y as Tensor1D))],
    targets: [tf.tensor1d(labels, 'int32')],
  };
}

async function pixelTargets(path: string, images: ImageArray, model: LayersModel): Promise<Targets> {
  return {
    losses: (logits, [y]) => [pixelCrossEntropy(logits as Tensor4D, y as Tensor3D)],
    targets: [await readPixelLabels(path, images, classesOf(model))],
  };
}

async function boxTargets(path: string, images: ImageArray, model: LayersModel): Promise<Targets> {
  const { boxes, labels } = await readTargets(path, images, classesOf(model));
  return {
    losses: (outputs, targets) => {
      const [logits, codes] = outputs as [Tensor3D, Tensor3D];
      const [boxes, labels, anchors] = targets as [Tensor3D, Tensor2D, Tensor2D];
      const { classification, regression } = detectionLosses({ logits, boxes: codes }, { boxes, labels }, anchors);
      return [classification, regression];
    },
    targets: [boxes, labels, boxTensor(anchorsOf(model))],
  };
}

/** Dropout and stochastic depth off, where the network has them. */
function withoutRandomness(backbone: string | undefined): Record<string, number> {
  const options = (backbone !== undefined && Object.hasOwn(BACKBONES, backbone) && BACKBONES[backbone]?.options) || [];
  return Object.fromEntries(options.filter((name) => /dropout|stochasticDepth/i.test(name)).map((name) => [name, 0]));
}
