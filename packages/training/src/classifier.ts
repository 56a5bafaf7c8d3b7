/** A classifier's training step and evaluation, compiled. */
import { logitsOf, requireClassifier, requireTrainable } from '@refconv/layers';
import { compile, predictedClass, softmaxCrossEntropy, tf, withRandomSeed } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { adversarialImages } from './adversarial.js';
import type { Normalisation } from './feed.js';
import { type LossOptions, lossOf } from './loss.js';
import { type OptimiserSettings, optimiserOf } from './optimiser/optimiser.js';
import type { Recipe } from './recipe.js';
import { checkTeacher } from './teacher.js';
import { variablesOf } from './variables.js';

export type StepOptions = OptimiserSettings & LossOptions & Pick<Recipe, 'adversarial'>;

export interface CompileChoice {
  /** Operation by operation, for debugging. Default: the environment variable REFCONV_EAGER is 1. */
  eager?: boolean;
}

export interface ClassifierChoice extends CompileChoice {
  /** How the images are normalised: adversarial training changes pixels, and needs it. */
  pixels?: Required<Normalisation>;
  /** The network that the recipe distils from: images to logits or probabilities of as many classes. */
  teacher?: LayersModel;
}

/**
 * A model's training step and its evaluation as one compiled program.
 *
 * - `train(images, labels, learningRate, seed?)`: one step; gives the mean loss before it. Labels are class numbers, int32 [n], or
 *   probabilities, float32 [n, classes]. `train.async` does it in another thread.
 *   `seed` ([2], int32) decides what dropout drops, see {@link withRandomSeed}, and where adversarial images start; other models need none.
 * - `evaluate(images, labels)`: in evaluation mode, of each image `prediction`, `confidence`, `rank` and `loss`, float32 [n], as
 *   `Prediction` says; the loss is without label smoothing.
 * - `accumulate(images, labels, share, seed?)`: the same, but adds its share of the gradients to those that `apply(learningRate)` makes a
 *   step with.
 * - `exchange()`: weights and their averages change places, where the recipe averages.
 * - `optimiser`: see {@link optimiserOf}.
 * - `dispose()`: frees the graph and what the optimiser keeps; the model keeps its weights.
 *
 * @param model images [n, h, w, c] to logits [n, classes], or to the probabilities of a softmax.
 * @throws Error where it is no classifier, see `requireClassifier`.
 */
export function classifier(model: LayersModel, options: StepOptions, choice: ClassifierChoice = {}) {
  requireClassifier(model);
  requireTrainable(model);
  const { teacher } = choice;
  checkTeacher(model, teacher, options);
  const weights = variablesOf(model.trainableWeights);
  const optimiser = optimiserOf(model, options);
  const gradients = (images: Tensor4D, labels: Tensor1D | Tensor2D, seed?: Tensor1D) => {
    const { adversarial } = options;
    const shown = adversarial ? adversarialImages(model, images, labels, adversarial, { ...choice, seed }) : images;
    const taught = teacher && logitsOf(teacher, shown);
    const loss = () => {
      const forward = () => logitsOf(model, shown, { training: true });
      const logits = seed ? withRandomSeed(seed, forward) : forward();
      return lossOf(logits, labels, options, taught);
    };
    return tf.variableGrads(loss, weights);
  };
  const train = (images: Tensor4D, labels: Tensor1D | Tensor2D, learningRate: Scalar, seed?: Tensor1D): Scalar => {
    const { value, grads } = gradients(images, labels, seed);
    optimiser.update(grads, learningRate);
    return value;
  };
  const accumulate = (images: Tensor4D, labels: Tensor1D | Tensor2D, share: Scalar, seed?: Tensor1D): Scalar => {
    const { value, grads } = gradients(images, labels, seed);
    optimiser.accumulate(grads, share);
    return value;
  };
  const { apply, exchange } = optimiser;
  const program = compile({ train, accumulate, apply, exchange, evaluate: evaluation(model) }, choice);
  return {
    ...program,
    optimiser,
    dispose(): void {
      program.dispose();
      optimiser.dispose();
    },
  };
}

export type Classifier = ReturnType<typeof classifier>;

/** The evaluation alone, compiled: no momentum buffers, no gradients. @throws Error where the model is no classifier. */
export function evaluator(model: LayersModel, choice: CompileChoice = {}) {
  requireClassifier(model);
  return compile({ evaluate: evaluation(model) }, choice);
}

export type Evaluator = Pick<ReturnType<typeof evaluator>, 'evaluate'>;

/** What is computed of each image, in evaluation mode; all float32 [n]. */
function evaluation(model: LayersModel) {
  return (images: Tensor4D, labels: Tensor1D) => {
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
