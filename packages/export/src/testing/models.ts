/** Models for this package's tests, and the comparison of what they compute. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BACKBONES, type BackboneOptions, buildBackbone } from '@refconv/backbones';
import { backboneConvolutions, buildDetector } from '@refconv/detection';
import { withoutDrawing } from '@refconv/layers';
import { merge, refocus } from '@refconv/refconv';
import { buildSegmenter } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';

/** How far logits may lie from those of tfjs, relative to the largest. */
export const TOLERANCE = 1e-4;

interface LayerVariable {
  originalName: string;
  read(): Tensor;
  write(value: Tensor): void;
}

/**
 * Gives every weight random values, those of norms too: a fresh model's ones and zeros would hide what is exchanged or left out.
 * Kernels keep the spread of the layers' values.
 */
export function randomize(model: LayersModel, seed = 1): LayersModel {
  tf.tidy(() => {
    for (const [i, weight] of (model.weights as unknown as LayerVariable[]).entries()) {
      const { shape, size } = weight.read();
      const name = weight.originalName.split('/').pop() as string;
      const bound = Math.sqrt((6 * (shape.at(-1) as number)) / size);
      const scale = /gamma|variance|layer_scale/.test(name);
      const [from, to] = scale ? [0.5, 1.5] : shape.length > 1 ? [-bound, bound] : [-0.1, 0.1];
      weight.write(tf.tensor(uniform(size, from, to, 1000 * seed + i), shape));
    }
  });
  return model;
}

/** tf.randomUniform takes seconds for the larger networks. */
function uniform(count: number, from: number, to: number, seed: number): Float32Array {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from + ((to - from) * state) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, next);
}

/** Networks that take long to build, for runs with REFCONV_LONG=1 alone. */
const LARGE = ['resnet18', 'resnet50', 'densenet121', 'densenet169', 'fasternet_s', 'convnext_tiny'];

/** The ids of the networks to test. */
export const TESTED = BACKBONES.ids().filter((id) => process.env.REFCONV_LONG === '1' || !LARGE.includes(id));

/** A backbone as small as it comes, with random weights. */
export function smallBackbone(id: string): LayersModel {
  const { variants = [], options = [] } = BACKBONES.find(id) ?? {};
  const small: BackboneOptions = {
    variant: 'cifar',
    ...(!variants.includes('cifar') && { variant: 'imagenet', inputSize: 64 }),
    ...(options.includes('width') && !id.startsWith('shufflenet') && { width: 0.25 }),
  };
  return randomize(withoutDrawing(() => buildBackbone(id, small)));
}

/** A segmenter whose last stage is dilated, at odd sizes, refocused and merged, with random weights. */
export async function mergedSegmenter(): Promise<LayersModel> {
  const plain = await buildSegmenter({ backbone: 'mobilenetv1', width: 0.25, classes: 3, inputSize: [45, 60] });
  const refocused = await refocus(plain);
  const merged = await merge(randomize(refocused));
  plain.dispose();
  refocused.dispose();
  return merged;
}

/** A detector with its decoding, refocused and merged, with random weights. */
export async function mergedDetector(): Promise<LayersModel> {
  const options = { backbone: 'mobilenetv1', width: 0.125, classes: 4, inputSize: [64, 80] as const };
  const plain = await buildDetector(options);
  const refocused = await refocus(plain, { select: backboneConvolutions });
  const merged = await merge(randomize(refocused));
  plain.dispose();
  refocused.dispose();
  return merged;
}

/** Images in [−1, 1), other ones for another seed. */
export const images = (model: LayersModel, count: number, seed = 1) =>
  tf.randomUniform([count, ...(model.inputs[0].shape.slice(1) as number[])], -1, 1, 'float32', seed);

/** Expects numbers to lie within the tolerance, relative to the largest, and the largest not to be zero. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = TOLERANCE): void {
  const [given, wanted] = [Array.from(actual), Array.from(expected)];
  expect(given.length).to.equal(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  expect(largest).to.be.greaterThan(0);
  const error = Math.max(...given.map((value, i) => Math.abs(value - wanted[i])));
  expect(error / largest, 'relative error').to.be.at.most(tolerance);
}

/** A test body with a folder of its own, after which as many tensors must be there as before. */
export function inFolder(body: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const before = tf.memory().numTensors;
    const folder = await mkdtemp(join(tmpdir(), 'refconv-export-'));
    try {
      await body(folder);
    } finally {
      await rm(folder, { recursive: true });
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
