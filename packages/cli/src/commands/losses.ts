import { BACKBONES } from '@refconv/backbones';
import { pixelCrossEntropy } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import type { LayersModel, Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { readImages } from '../images.js';
import { readPixelLabels } from '../segmentation.js';
import { type SgdOptions, sgd } from '../sgd.js';
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
  const x = images.batch(0, images.count);
  const { step, dispose } =
    typeof labels === 'string'
      ? stepOfPixels(model, x, await readPixelLabels(labels, images, classes), { momentum, weightDecay })
      : stepOfImages(model, x, labels, { momentum, weightDecay });
  const found: number[] = [];
  for (let i = 0; i < steps; i++) {
    const loss = step(lr);
    found.push(loss.dataSync()[0] as number);
    loss.dispose();
  }
  dispose();
  console.log(JSON.stringify(found));
}

function stepOfPixels(model: LayersModel, x: Tensor4D, y: Tensor3D, options: SgdOptions) {
  const loss = (logits: Tensor, labels: Tensor) => pixelCrossEntropy(logits as Tensor4D, labels as Tensor3D);
  const program = sgd(model, loss, options);
  return {
    step: (lr: number) => program.train(x, y, lr),
    dispose(): void {
      program.dispose();
      tf.dispose([x, y]);
    },
  };
}

function stepOfImages(model: LayersModel, x: Tensor4D, labels: number[], options: SgdOptions) {
  const classes = model.outputs[0]?.shape.at(-1) as number;
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined)
    throw new Error(`--labels has the class ${wrong}; the model has classes 0 to ${classes - 1}.`);
  const program = classifier(model, { ...options, decayNormsAndBiases: true, labelSmoothing: 0 });
  const y = tf.tensor1d(labels, 'int32');
  return {
    step: (lr: number) => program.train(x, y, lr),
    dispose(): void {
      program.dispose();
      tf.dispose([x, y]);
    },
  };
}

/** Dropout and stochastic depth off, where the network has them. */
function withoutRandomness(backbone: string | undefined): Record<string, number> {
  const options = (backbone !== undefined && Object.hasOwn(BACKBONES, backbone) && BACKBONES[backbone]?.options) || [];
  return Object.fromEntries(options.filter((name) => /dropout|stochasticDepth/i.test(name)).map((name) => [name, 0]));
}
