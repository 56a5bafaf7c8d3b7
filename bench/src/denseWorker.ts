/** A worker of the benchmarks of segmentation and detection: the training's own step, on one random batch. */
import { serve } from '@refconv/analysis/measurement/serve';
import { backboneConvolutions, buildDetector, DETECTION_RECIPE, detection } from '@refconv/detection';
import { refocus, type Selection } from '@refconv/refconv';
import { buildSegmenter, inBackbone, SEGMENTATION_RECIPE, segmentation } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import { trainer } from '@refconv/training';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { stepping } from './contestant.js';

export type DenseTask = 'segmentation' | 'detection';

export interface DenseSetting {
  task: DenseTask;
  size: readonly [height: number, width: number];
  batch: number;
  width: number;
  refconv: boolean;
  threads: number;
}

const NETWORK = { backbone: 'mobilenetv1', activation: 'relu' } as const;

/** CamVid's classes. */
const CLASSES = 11;
/** BCCD's, with the background, and how many boxes its images have. */
const OBJECTS = 4;
const BOXES = 13;

interface Made {
  model: LayersModel;
  targets: Tensor[];
  select: Selection;
  /** So low that random boxes do not make the losses grow. */
  learningRate: number;
}

async function segmenter({ size, batch, width }: DenseSetting): Promise<Made> {
  const model = await buildSegmenter({ ...NETWORK, width, classes: CLASSES, inputSize: size });
  const targets = [tf.randomUniform([batch, ...size], 0, CLASSES, 'int32')];
  return { model, targets, select: inBackbone, learningRate: 0.01 };
}

async function detector({ size, batch, width }: DenseSetting): Promise<Made> {
  const model = await buildDetector({ ...NETWORK, width, classes: OBJECTS, inputSize: size });
  const boxes = tf.tidy(() => {
    const centres = tf.randomUniform([batch, BOXES, 2], 0.1, 0.9);
    const halves = tf.randomUniform([batch, BOXES, 2], 0.025, 0.1);
    return tf.concat([tf.sub(centres, halves), tf.add(centres, halves)], 2);
  });
  const targets = [boxes, tf.randomUniform([batch, BOXES], 1, OBJECTS, 'int32')];
  return { model, targets, select: backboneConvolutions, learningRate: 0.001 };
}

await serve(async (setting: DenseSetting) => {
  const { task, batch, size, refconv } = setting;
  const made = await (task === 'detection' ? detector : segmenter)(setting);
  const { targets, select, learningRate } = made;
  const model = refconv ? await refocus(made.model, { select }) : made.model;
  const program =
    task === 'detection'
      ? trainer(model, detection, DETECTION_RECIPE)
      : trainer(model, segmentation, SEGMENTATION_RECIPE);
  const images = tf.randomNormal([batch, ...size, 3]) as Parameters<typeof program.train>[0];
  const [target, ...others] = targets;
  const seed = tf.tensor1d([1, 1], 'int32');
  return stepping(model, batch, () => program.train(images, target as Tensor, learningRate, seed, ...others));
});
