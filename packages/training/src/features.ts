/** What a network makes of images before its head: features, for classifiers and analyses of one's own. */
import type { Images } from '@refconv/datasets';
import { headOf } from '@refconv/layers';
import { compile, tf } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { fileOf, nothingRead } from './evaluate.js';
import { evaluationEpochs } from './feed.js';

export interface Features {
  /** Of all images: [n, channels], of a layer whose output is spatial [n, channels, height, width], as PyTorch has it. */
  shape: number[];
  data: Float32Array;
  /** [n] */
  labels: Int32Array;
  /** The images' paths, where they are in files. */
  files: string[];
}

export interface FeatureOptions {
  /** The layer whose output is taken. Default: what the layer of the logits is given. */
  layer?: string;
  /** Images a call; a loader has its own number. Default: 250. */
  batchSize?: number;
  /** Called after each batch with the number of images done. */
  onBatch?: (done: number) => void;
}

/**
 * The features of the images of a split, in its order and in evaluation mode.
 * @throws Error where the model has no such layer, or no image can be read.
 * @example
 * ```ts
 * const { data: vectors, shape, labels } = await features(model, set.test);
 * ```
 */
export async function features(model: LayersModel, split: Images, options: FeatureOptions = {}): Promise<Features> {
  const output = outputOf(model, options.layer);
  // It shares the model's layers, and is not to be disposed.
  const part = tf.model({ inputs: model.inputs, outputs: output });
  const program = compile({
    features(images: Tensor4D): Tensor {
      const found = part.apply(images) as Tensor;
      if (found.rank !== 4) return found;
      const [n, height, width, channels] = found.shape as [number, number, number, number];
      return height * width === 1 ? tf.reshape(found, [n, channels]) : tf.transpose(found, [0, 3, 1, 2]);
    },
  });
  const feed = evaluationEpochs(split, options.batchSize);
  const parts: Float32Array[] = [];
  const labels: number[] = [];
  const files: string[] = [];
  let shape: number[] = [];
  try {
    for await (const batch of feed.epoch(0, 0)) {
      const images = tf.tensor4d(batch.images, [batch.size, ...split.shape]);
      const found = await program.features.async(images);
      parts.push(found.dataSync<'float32'>());
      shape = found.shape.slice(1);
      labels.push(...batch.labels.subarray(0, batch.size));
      for (let i = 0; split.source && i < batch.size; i++) files.push(fileOf(split, batch, i) ?? '');
      tf.dispose([images, found]);
      options.onBatch?.(labels.length);
    }
  } finally {
    program.dispose();
  }
  if (labels.length === 0) throw nothingRead(split);
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of parts) {
    data.set(each, at);
    at += each.length;
  }
  return { shape: [labels.length, ...shape], data, labels: Int32Array.from(labels), files };
}

function outputOf(model: LayersModel, name: string | undefined): SymbolicTensor {
  if (name === undefined) {
    const head = headOf(model);
    if (!head)
      throw new Error(`${model.name} has no layer with weights whose input could be its features; name a layer.`);
    return head.input as SymbolicTensor;
  }
  const layer = model.layers.find((each) => each.name === name);
  if (!layer) {
    const names = model.layers.map((each) => each.name);
    throw new Error(
      `The network has no layer ${name}; it has ${names.slice(0, 3).join(', ')}, … ${names.slice(-3).join(', ')}.`,
    );
  }
  return layer.output as SymbolicTensor;
}
