/** A tiny network and data set for this package's tests. */
import { createHash } from 'node:crypto';
import {
  type ImageDataset,
  type ImageSplit,
  type MemoryDataset,
  normalised,
  selectImages,
  syntheticDataset,
} from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { PAPER_RECIPE, type Recipe } from '../recipe.js';

export const CLASSES = 4;

/** Two convolutions with batch norm. Its layers' names make its weights' names the same in every process. */
export function tinyModel(seed = 1): LayersModel {
  const he = (n: number) => tf.initializers.heNormal({ seed: 10 * seed + n });
  const convolution = (n: number, filters: number) => [
    tf.layers.conv2d({
      name: `conv${n}`,
      filters,
      kernelSize: 3,
      strides: 2,
      padding: 'same',
      useBias: false,
      kernelInitializer: he(n),
      ...(n === 1 && { inputShape: [16, 16, 3] }),
    }),
    tf.layers.batchNormalization({ name: `bn${n}`, momentum: 0.9 }),
    tf.layers.reLU({ name: `relu${n}` }),
  ];
  return tf.sequential({
    layers: [
      ...convolution(1, 8),
      ...convolution(2, 16),
      tf.layers.globalAveragePooling2d({ name: 'pool' }),
      tf.layers.dense({ name: 'fc', units: CLASSES, kernelInitializer: he(3) }),
    ],
  });
}

/** Four textures of the synthetic set, which so small a network can tell from each other. */
export function tinySet(train = 128): ImageDataset {
  const all = syntheticDataset({ size: 16, train: 2.5 * train, test: 160 });
  const classes = all.classes.slice(FIRST, FIRST + CLASSES);
  return { ...all, classes, train: textures(all.train), test: textures(all.test) };
}

export const tinyData = (train?: number): MemoryDataset => normalised(tinySet(train));

/** The first of the synthetic set's classes that are taken. */
const FIRST = 5;

function textures(split: ImageSplit): ImageSplit {
  const isChosen = (label: number) => label >= FIRST && label < FIRST + CLASSES;
  const chosen = Array.from(split.labels.keys()).filter((i) => isChosen(split.labels[i] as number));
  const part = selectImages(split, chosen);
  return { ...part, labels: part.labels.map((label) => label - FIRST) };
}

export function tinyRecipe(changes: Partial<Recipe> = {}): Recipe {
  const augment = { crop: 1, flip: true };
  return { ...PAPER_RECIPE, epochs: 3, batchSize: 16, warmUpEpochs: 1, augment, seed: 7, ...changes };
}

/** SHA-256 of all weights' bytes. */
export function weightsHash(model: LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of model.getWeights()) {
    const { buffer, byteOffset, byteLength } = weight.dataSync() as Float32Array;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/** A test body with a model of its own, after which as many tensors must be there as before. */
export function withModel(body: (model: LayersModel) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const before = tf.memory().numTensors;
    const model = tinyModel();
    try {
      await body(model);
    } finally {
      model.dispose();
    }
    expect(tf.memory().numTensors - before, 'tensors left').to.equal(0);
  };
}

/** The message of the error with which a promise is rejected. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error.message,
  );
}
