/** A network's training step and evaluation, compiled. */
import { applyMomentum, compile, tf, withRandomSeed } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { classification } from './classification.js';
import type { Normalisation } from './feed.js';
import type { Recipe } from './recipe.js';
import { refocusingRates } from './refocusingRate.js';
import type { Forward, ImageResult, Measured, Task } from './task.js';
import { variablesOf } from './variables.js';

export type StepOptions = Pick<
  Recipe,
  'momentum' | 'nesterov' | 'weightDecay' | 'decayNormsAndBiases' | 'labelSmoothing' | 'refocusingRate' | 'adversarial'
>;

export interface CompileChoice {
  /** Operation by operation, for debugging. Default: the environment variable REFCONV_EAGER is 1. */
  eager?: boolean;
}

export interface ClassifierChoice extends CompileChoice {
  /** How the images are normalised: adversarial training changes pixels, and needs it. */
  pixels?: Required<Normalisation>;
}

/**
 * {@link trainer} for classification. Labels are class numbers, int32 [n], or probabilities, float32 [n, classes]; `evaluate` gives of each
 * image `prediction`, `confidence`, `rank` and `loss`, float32 [n], as `Prediction` says; the loss is without label smoothing.
 * @param model images [n, h, w, c] to logits [n, classes], or to the probabilities of a softmax.
 * @throws Error where it is no classifier, see `requireClassifier`.
 */
export function classifier(model: LayersModel, options: StepOptions, choice: ClassifierChoice = {}) {
  return trainer(model, classification, options, choice);
}

export type Classifier = ReturnType<typeof classifier>;

/**
 * A model's SGD step for a task and its evaluation as one compiled program.
 *
 * - `train(images, target, learningRate, seed?, ...targets)`: one step; gives the mean loss before it. A task with several targets has the
 *   others at the end. `train.async` does it in another thread.
 *   `seed` ([2], int32) decides what dropout drops, see {@link withRandomSeed}, and where adversarial images start; other models need none.
 * - `evaluate(images, ...targets)`: in evaluation mode, what the task measures of each image.
 * - `momentumBuffers`: in the order of the model's trainable weights. `resetMomentum()` sets them to zero.
 * - `dispose()`: frees the graph and the buffers; the model keeps its weights.
 *
 * @throws Error where the model or the options are not those of the task.
 */
export function trainer<P extends ImageResult, E extends Measured, V extends Record<string, Tensor>>(
  model: LayersModel,
  task: Task<P, E, V>,
  options: StepOptions,
  choice: ClassifierChoice = {},
) {
  task.checkModel(model);
  task.checkTraining(model, options);
  const { momentum, nesterov = false, weightDecay, decayNormsAndBiases } = options;
  const weights = variablesOf(model.trainableWeights);
  const rates = refocusingRates(model, options.refocusingRate);
  const momentumBuffers = tf.tidy(() => weights.map((weight) => tf.variable(tf.zeros(weight.shape), false)));
  const train = (
    images: Tensor4D,
    target: Tensor,
    learningRate: Scalar,
    seed?: Tensor1D,
    ...others: Tensor[]
  ): Scalar => {
    const targets = [target, ...others];
    const shown = task.shown?.(model, images, targets, options, { ...choice, seed }) ?? images;
    const forward: Forward = (pass) => (seed ? withRandomSeed(seed, pass) : pass());
    const loss = () => task.loss(model, shown, targets, { ...options, forward });
    const { value, grads } = tf.variableGrads(loss, weights);
    weights.forEach((variable, i) => {
      const factor = rates.get(variable);
      applyMomentum({
        variable,
        accumulator: momentumBuffers[i] as Variable,
        gradient: grads[variable.name] as Tensor,
        learningRate: factor === undefined ? learningRate : tf.mul(learningRate, factor),
        momentum: tf.scalar(momentum),
        weightDecay: decayNormsAndBiases || variable.rank > 1 ? weightDecay : 0,
        nesterov,
      });
    });
    return value;
  };
  const program = compile({ train, evaluate: task.evaluation(model) }, choice);
  return {
    ...program,
    momentumBuffers,
    resetMomentum(): void {
      tf.tidy(() => {
        for (const buffer of momentumBuffers) buffer.assign(tf.zeros(buffer.shape) as never);
      });
    },
    dispose(): void {
      program.dispose();
      tf.dispose(momentumBuffers);
    },
  };
}

/** The evaluation of a classifier alone, compiled: no momentum buffers, no gradients. @throws Error where the model is none. */
export function evaluator(model: LayersModel, choice: CompileChoice = {}) {
  return taskEvaluator(model, classification, choice);
}

/** The same for any task. */
export function taskEvaluator<P extends ImageResult, E extends Measured, V extends Record<string, Tensor>>(
  model: LayersModel,
  task: Task<P, E, V>,
  choice: CompileChoice = {},
) {
  task.checkModel(model);
  return compile({ evaluate: task.evaluation(model) }, choice);
}

export type Evaluator<V extends Record<string, Tensor> = Record<string, Tensor>> = Pick<
  ReturnType<typeof taskEvaluator<ImageResult, Measured, V>>,
  'evaluate'
>;
