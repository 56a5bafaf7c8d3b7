/** Semantic segmentation as a task of the training loop. */
import { bilinearResize } from '@refconv/layers';
import type { ImageResult, Measured, Task } from '@refconv/training';
import * as tf from '@tensorflow/tfjs';
import { pixelLosses, segmentationLoss } from './loss.js';
import { type Confusion, confusionMatrix, type SegmentationMetrics, segmentationMetrics } from './metrics.js';

/** What a network makes of one image's pixels. */
export interface SegmentedImage extends ImageResult {
  /** Pixels that count. */
  pixels: number;
  /** Mean cross entropy over them, in nats; NaN where a logit is NaN or infinite. */
  loss: number;
  /** Numbers of pixels, [truth][prediction]. Where a logit is not finite all of them are wrong. */
  confusion: Confusion;
  finite: boolean;
}

/** Over all pixels of all images that count. */
export interface SegmentationEvaluation extends Measured, Omit<SegmentationMetrics, 'meanIou' | 'pixelAccuracy'> {
  meanIou: number;
  pixelAccuracy: number;
}

type Measures = { prediction: tf.Tensor; loss: tf.Tensor; finite: tf.Tensor };

const shapes = (tensors: tf.SymbolicTensor[]) =>
  tensors.map(({ shape }) => `[${shape.map((size) => size ?? 'n')}]`).join(' and ');

/** The first output of a network; others are of auxiliary losses. */
function firstOutput(model: tf.LayersModel, images: tf.Tensor4D): tf.Tensor4D {
  const outputs = model.apply(images, { training: false }) as tf.Tensor | tf.Tensor[];
  return (Array.isArray(outputs) ? outputs[0] : outputs) as tf.Tensor4D;
}

/**
 * Targets are class numbers, int32 [n, h, w], 255 where none counts: a loader's, of images with label images. Where they are of another size
 * than the network's images, evaluation resizes the logits to theirs. Epochs are compared by mean IoU.
 */
export const segmentation: Task<SegmentedImage, SegmentationEvaluation, Measures> = {
  id: 'segmentation',
  score: { name: 'meanIou', title: 'mean IoU' },
  checkModel(model) {
    const { inputs, outputs } = model;
    if (inputs.length === 1 && inputs[0]?.shape.length === 4 && outputs.every(({ shape }) => shape.length === 4))
      return;
    throw new Error(
      `${model.name} takes ${shapes(inputs)} and gives ${shapes(outputs)}; expected one input of images [n, height, width, channels] and logits ` +
        '[n, height, width, classes].',
    );
  },
  checkTraining(_, { labelSmoothing, ...others }) {
    const classification = { loss: others.loss?.id === 'binary-cross-entropy', distillation: others.distillation };
    const given = { labelSmoothing: labelSmoothing > 0, adversarial: others.adversarial, ...classification };
    const wrong = Object.entries(given).find(([, asked]) => asked)?.[0];
    if (wrong) throw new RangeError(`The loss of segmentation has no ${wrong}; leave it out of the recipe.`);
  },
  classesOf: (model) => model.outputs[0]?.shape.at(-1) ?? undefined,
  targets({ targets, size }) {
    const [labels] = targets ?? [];
    if (labels?.shape.length !== 2)
      throw new Error('Segmentation needs images with label images: a set such as camvid, or folders of both.');
    const [height, width] = labels.shape as [number, number];
    return [tf.tensor3d(Int32Array.from(labels.data), [size, height, width], 'int32')];
  },
  loss(model, images, [labels], { forward }) {
    const outputs = forward(() => model.apply(images, { training: true }) as tf.Tensor | tf.Tensor[]);
    return segmentationLoss(outputs, labels as tf.Tensor3D);
  },
  evaluation:
    (model) =>
    (images, ...targets) => {
      const [labels] = targets as [tf.Tensor3D];
      const [n, height, width] = labels.shape;
      const logits = bilinearResize(firstOutput(model, images), [height, width]);
      const { losses, mask } = pixelLosses(logits, labels);
      const perImage = (values: tf.Tensor) => tf.sum(tf.reshape(values, [n, height * width]), 1);
      return {
        prediction: tf.argMax(logits, 3),
        loss: tf.div(perImage(losses), perImage(mask)),
        finite: tf.cast(tf.all(tf.isFinite(tf.reshape(logits, [n, -1])), 1), 'float32'),
      };
    },
  results({ prediction, loss, finite }, { targets, size }, classes) {
    const [{ data, shape }] = targets as unknown as [{ data: Uint8Array; shape: readonly number[] }];
    const pixels = (shape[0] as number) * (shape[1] as number);
    return Array.from({ length: size }, (_, i) => {
      const labels = data.subarray(i * pixels, (i + 1) * pixels);
      const allFinite = finite[i] === 1;
      const found = allFinite
        ? prediction.subarray(i * pixels, (i + 1) * pixels)
        : labels.map((label) => (label + 1) % classes);
      const confusion = confusionMatrix(labels, found, { classes });
      const counted = confusion.flat().reduce((sum, count) => sum + count, 0);
      return { pixels: counted, loss: allFinite ? (loss[i] as number) : Number.NaN, confusion, finite: allFinite };
    });
  },
  evaluationOf,
};

/** @throws RangeError where no pixel counts. */
function evaluationOf(results: readonly SegmentedImage[]): SegmentationEvaluation {
  const pixels = results.reduce((sum, image) => sum + image.pixels, 0);
  const classes = results[0]?.confusion.length ?? 0;
  const confusion = Array.from({ length: classes }, (_, truth) =>
    Array.from({ length: classes }, (_, found) =>
      results.reduce((sum, image) => sum + (image.confusion[truth]?.[found] ?? 0), 0),
    ),
  );
  const metrics = segmentationMetrics(confusion);
  const { meanIou, pixelAccuracy } = metrics;
  if (meanIou === null || pixelAccuracy === null)
    throw new RangeError(`No pixel of ${results.length} images counts: a share of none is no number.`);
  // Of an image without any the loss is no number.
  const counted = results.filter((image) => image.pixels > 0);
  return {
    ...metrics,
    ...{ meanIou, pixelAccuracy, count: results.length },
    loss: counted.reduce((sum, image) => sum + image.loss * image.pixels, 0) / pixels,
    notFinite: results.filter(({ finite }) => !finite).length,
  };
}
