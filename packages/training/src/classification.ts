/** Classification: one label for each image. */
import { logitsOf, requireClassifier, requireTrainable } from '@refconv/layers';
import { predictedClass, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { adversarialImages } from './adversarial.js';
import { lossOf } from './loss.js';
import { type Evaluation, evaluationOf, type Prediction } from './predictions.js';
import type { Task } from './task.js';
import { labelTensor } from './tensors.js';

type Measures = Record<'prediction' | 'confidence' | 'rank' | 'loss', Tensor1D>;

/** The labels are class numbers, int32 [n], or of mixed images probabilities, float32 [n, classes]. */
export const classification: Task<Prediction, Evaluation, Measures> = {
  id: 'classification',
  score: { name: 'top1', title: 'top-1' },
  checkModel: requireClassifier,
  checkTraining: requireTrainable,
  classesOf: (model) => model.outputs[0]?.shape.at(-1) ?? undefined,
  targets: (batch, classes) => [labelTensor(batch, classes)],
  shown(model, images, [labels], { adversarial }, context) {
    return adversarial ? adversarialImages(model, images, labels as Tensor1D | Tensor2D, adversarial, context) : images;
  },
  loss(model, images, [labels], { forward, taught, ...options }) {
    const logits = forward(() => logitsOf(model, images, { training: true }));
    return lossOf(logits, labels as Tensor1D | Tensor2D, options, taught);
  },
  evaluation,
  results: ({ prediction, confidence, rank, loss }, { labels, size }) =>
    Array.from({ length: size }, (_, i) => ({
      label: labels[i] as number,
      prediction: prediction[i] as number,
      confidence: confidence[i] as number,
      rank: rank[i] as number,
      loss: loss[i] as number,
    })),
  evaluationOf,
};

/** `prediction`, `confidence`, `rank` and `loss` of each image, in evaluation mode; all float32 [n]. */
function evaluation(model: LayersModel) {
  return (images: Tensor4D, ...targets: Tensor[]): Measures => {
    const [labels] = targets as [Tensor1D];
    const logits = logitsOf(model, images);
    const classes = logits.shape[1];
    const index = tf.range(0, classes);
    const own = tf.sum(tf.mul(logits, tf.oneHot(labels, classes)), 1, true);
    const before = tf.less(index, tf.cast(tf.expandDims(labels, 1), 'float32'));
    const ahead = tf.logicalOr(tf.greater(logits, own), tf.logicalAnd(tf.equal(logits, own), before));
    // A comparison with NaN is false, which would make its image the best of all.
    const finite = tf.all(tf.isFinite(logits), 1);
    const whereFinite = (value: Tensor, otherwise: number) => tf.where(finite, value, otherwise) as Tensor1D;
    return {
      prediction: predictedClass(logits),
      confidence: whereFinite(tf.max(tf.softmax(logits), 1), Number.NaN),
      rank: whereFinite(tf.sum(tf.cast(ahead, 'float32'), 1), Number.NaN),
      loss: whereFinite(softmaxCrossEntropy(logits, labels), Number.NaN),
    };
  };
}
