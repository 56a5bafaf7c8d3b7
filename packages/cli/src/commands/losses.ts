import { BACKBONES } from '@refconv/backbones';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import { readImages } from '../images.js';
import { openSource, type SourceOptions } from '../source.js';

interface LossesOptions extends SourceOptions {
  input: string;
  labels: number[];
  steps: number;
  lr: number;
  momentum: number;
  weightDecay: number;
}

export async function losses(options: LossesOptions): Promise<void> {
  const { input, labels, steps, lr, momentum, weightDecay, ...source } = options;
  const images = await readImages(input);
  if (labels.length !== images.count) {
    throw new Error(`--labels has ${labels.length} classes for the ${images.count} images of ${input}.`);
  }
  const { model } = await openSource({ ...source, ...withoutRandomness(source.backbone) }, images);
  const classes = model.outputs[0]?.shape.at(-1) as number;
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined)
    throw new Error(`--labels has the class ${wrong}; the model has classes 0 to ${classes - 1}.`);
  const program = classifier(model, { momentum, weightDecay, decayNormsAndBiases: true, labelSmoothing: 0 });
  const [x, y] = [images.batch(0, images.count), tf.tensor1d(labels, 'int32')];
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

/** Dropout and stochastic depth off, where the network has them. */
function withoutRandomness(backbone: string | undefined): Record<string, number> {
  const options = (backbone !== undefined && Object.hasOwn(BACKBONES, backbone) && BACKBONES[backbone]?.options) || [];
  return Object.fromEntries(options.filter((name) => /dropout|stochasticDepth/i.test(name)).map((name) => [name, 0]));
}
