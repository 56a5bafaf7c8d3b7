import { BACKBONES } from '@refconv/backbones';
import { pixelCrossEntropy } from '@refconv/segmentation';
import { softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { type ImageArray, readImages } from '../images.js';
import { readPixelLabels } from '../segmentation.js';
import { sgd } from '../sgd.js';
import { openSource, type SourceOptions } from '../source.js';

interface LossesOptions extends SourceOptions {
  input: string;
  /** Of each image; for segmentation a file with those of the pixels. */
  labels: number[] | string;
  steps: number;
  lr: number;
  momentum: number;
  weightDecay: number;
}

export async function losses(options: LossesOptions): Promise<void> {
  const { input, labels, steps, lr, momentum, weightDecay, ...source } = options;
  const isSegmentation = source.task === 'segmentation';
  if (isSegmentation !== (typeof labels === 'string')) {
    const expected = isSegmentation
      ? 'a .npy of integers [n, height, width] for segmentation'
      : 'a list of classes, such as 3,1,2,0, for classification';
    throw new Error(`--labels must be ${expected}; given ${labels}.`);
  }
  const images = await readImages(input);
  if (typeof labels !== 'string' && labels.length !== images.count)
    throw new Error(`--labels has ${labels.length} classes for the ${images.count} images of ${input}.`);
  const { model } = await openSource({ ...source, ...withoutRandomness(source.backbone) }, images);
  const classes = model.outputs[0]?.shape.at(-1) as number;
  const y = await targets(labels, images, classes);
  const program = sgd(model, isSegmentation ? pixelLoss : classLoss, { momentum, weightDecay });
  const x = images.batch(0, images.count);
  const found: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = program.train(x, y, lr);
    found.push(loss.dataSync()[0] as number);
    loss.dispose();
  }
  program.dispose();
  tf.dispose([x, y]);
  console.log(JSON.stringify(found));
}

const classLoss = (logits: Tensor, labels: Tensor) =>
  tf.mean(softmaxCrossEntropy(logits as Tensor2D, labels as Tensor1D)) as Scalar;
const pixelLoss = (logits: Tensor, labels: Tensor) => pixelCrossEntropy(logits as Tensor4D, labels as Tensor3D);

async function targets(labels: number[] | string, images: ImageArray, classes: number): Promise<Tensor> {
  if (typeof labels === 'string') return readPixelLabels(labels, images, classes);
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined)
    throw new Error(`--labels has the class ${wrong}; the model has classes 0 to ${classes - 1}.`);
  return tf.tensor1d(labels, 'int32');
}

/** Dropout and stochastic depth off, where the network has them. */
function withoutRandomness(backbone: string | undefined): Record<string, number> {
  const options = (backbone !== undefined && Object.hasOwn(BACKBONES, backbone) && BACKBONES[backbone]?.options) || [];
  return Object.fromEntries(options.filter((name) => /dropout|stochasticDepth/i.test(name)).map((name) => [name, 0]));
}
