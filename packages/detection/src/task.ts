/** Detection as a task of the training loop. */
import { boxesOf } from '@refconv/datasets/boxes';
import type { Task } from '@refconv/training';
import * as tf from '@tensorflow/tfjs';
import { type Box, rescale, type Size } from './boxes.js';
import { detectionsOf } from './detections.js';
import { anchorsOf, inputSizeOf, predictionsOf } from './detector.js';
import { type DetectedImage, type DetectionEvaluation, detectionEvaluation } from './evaluation.js';
import { detectionLosses, imageLosses } from './loss.js';
import { type BatchTargets, boxTensor } from './targets.js';

type Measures = Record<'logits' | 'boxes' | 'anchors' | 'loss' | 'positives' | 'finite', tf.Tensor>;

/** Where coordinates are shares of the image's height and width. */
const WHOLE: Size = { height: 1, width: 1 };

/** Boxes in pixels of the network's input, of targets that are shares of the image. */
function inPixels([boxes, labels]: readonly tf.Tensor[], { height, width }: Size): BatchTargets {
  return {
    boxes: tf.mul(boxes as tf.Tensor3D, tf.tensor1d([width, height, width, height])),
    labels: labels as tf.Tensor2D,
  };
}

/**
 * Targets are boxes as shares of the image, float32 [n, most, 4], and their classes from 1, int32 [n, most], 0 where there is no further box:
 * of a loader's images with boxes. Detections are in pixels of the images whose boxes the batch has. Epochs are compared by COCO's AP.
 */
export const detection: Task<DetectedImage, DetectionEvaluation, Measures> = {
  id: 'detection',
  score: { name: 'ap', title: 'AP' },
  checkModel(model) {
    const [logits, boxes] = model.outputs.map(({ shape }) => shape);
    const fits = model.outputs.length === 2 && logits?.length === 3 && boxes?.[2] === 4 && boxes[1] === logits[1];
    if (fits && model.layers.some(({ name }) => name.startsWith('head.classification_head'))) return;
    throw new Error(
      `${model.name} gives ${model.outputs.map(({ shape }) => `[${shape.map((size) => size ?? 'n')}]`).join(' and ')}; expected a detector: ` +
        'logits [n, anchors, classes] and box numbers [n, anchors, 4].',
    );
  },
  checkTraining(_, { labelSmoothing, loss, distillation, adversarial }) {
    const given = { labelSmoothing: labelSmoothing > 0, adversarial, distillation };
    const [wrong] = Object.entries({ ...given, loss: loss?.id === 'binary-cross-entropy' }).find(([, on]) => on) ?? [];
    if (wrong) throw new RangeError(`The loss of detection has no ${wrong}; leave it out of the recipe.`);
  },
  classesOf: (model) => {
    const logits = model.outputs[0]?.shape.at(-1);
    // Without the background.
    return typeof logits === 'number' ? logits - 1 : undefined;
  },
  targets({ targets, size }) {
    const images = Array.from({ length: size }, (_, i) => boxesOf(targets, i));
    const most = targets?.[0]?.shape[0] as number;
    const boxes = new Float32Array(size * most * 4);
    const labels = new Int32Array(size * most);
    images.forEach((image, i) => {
      const trained = image.boxes.filter(({ crowd }) => !crowd);
      trained.forEach(({ box, label }, k) => {
        boxes.set(rescale(box, image, WHOLE), 4 * (i * most + k));
        labels[i * most + k] = label;
      });
    });
    return [tf.tensor3d(boxes, [size, most, 4]), tf.tensor2d(labels, [size, most], 'int32')];
  },
  loss(model, images, targets, { forward }) {
    const [logits, boxes] = forward(() => model.apply(images, { training: true })) as [tf.Tensor3D, tf.Tensor3D];
    const wanted = inPixels(targets, inputSizeOf(model));
    const { classification, regression } = detectionLosses({ logits, boxes }, wanted, boxTensor(anchorsOf(model)));
    return tf.add(classification, regression);
  },
  evaluation: (model) => {
    const size = inputSizeOf(model);
    const anchors = anchorsOf(model);
    const shares = anchors.map((box) => rescale(box, size, WHOLE));
    return (images, ...targets) => {
      const { logits, boxes } = predictionsOf(model, images, false);
      const losses = imageLosses({ logits, boxes }, inPixels(targets, size), boxTensor(anchors));
      const n = images.shape[0];
      const finite = [logits, boxes].map((x) => tf.all(tf.isFinite(tf.reshape(x, [n, -1])), 1)) as [
        tf.Tensor,
        tf.Tensor,
      ];
      return {
        ...{ logits, boxes, positives: losses.positives },
        // Where the detections are made it is not known of which model they are.
        anchors: tf.tile(tf.expandDims(boxTensor(shares), 0), [n, 1, 1]),
        loss: tf.add(losses.classification, losses.regression),
        finite: tf.cast(tf.logicalAnd(...finite), 'float32'),
      };
    };
  },
  results({ logits, boxes, anchors, loss, positives, finite }, { targets, size }, classes) {
    const count = anchors.length / size / 4;
    // They are the same for all images.
    const shares = Array.from(
      { length: count },
      (_, k) => Array.from(anchors.subarray(4 * k, 4 * k + 4)) as unknown as Box,
    );
    return Array.from({ length: size }, (_, i): DetectedImage => {
      const rows = <T extends Float32Array | Int32Array>(values: T, columns: number) =>
        values.subarray(i * count * columns, (i + 1) * count * columns);
      const { boxes: truth, ...own } = boxesOf(targets, i);
      const allFinite = finite[i] === 1;
      const found = allFinite ? detectionsOf(rows(logits, classes + 1), rows(boxes, 4), shares, WHOLE) : [];
      return {
        ...{ ...own, truth, classes, finite: allFinite, positives: positives[i] as number },
        loss: allFinite ? (loss[i] as number) : Number.NaN,
        detections: found.map(({ box, ...each }) => ({ ...each, box: rescale(box, WHOLE, own) })),
      };
    });
  },
  evaluationOf: detectionEvaluation,
};
