/** A network's training step and evaluation, compiled. */
import type { Statistics } from '@refconv/datasets';
import { logitsOf, variablesOf } from '@refconv/layers';
import { compile, tf, withRandomSeed, withSyncBatchNorm } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { classification } from './classification.js';
import { type OptimiserSettings, optimiserOf } from './optimiser/optimiser.js';
import type { Recipe } from './recipe.js';
import type { Forward, ImageResult, LossOptions, Measured, Task } from './task.js';
import { checkTeacher } from './teacher.js';
import { weightNames } from './tensors.js';
import { stepOfWorkers } from './workers.js';

export type StepOptions = OptimiserSettings & LossOptions & Pick<Recipe, 'syncBatchNorm'>;

export interface CompileChoice {
  /** Operation by operation, for debugging. Default: the environment variable REFCONV_EAGER is 1. */
  eager?: boolean;
}

export interface ClassifierChoice extends CompileChoice {
  /** How the images are normalised: adversarial training changes pixels, and needs it. */
  pixels?: Statistics;
  /** The network that the recipe distils from: images to logits or probabilities of as many classes. */
  teacher?: LayersModel;
}

/**
 * {@link trainer} for classification. Labels are class numbers, int32 [n], or probabilities, float32 [n, classes]; `evaluate` gives of each
 * image `prediction`, `confidence`, `rank` and `loss`, float32 [n], as `Prediction` says; the loss is without label smoothing.
 * @param model images [n, h, w, c] to logits [n, classes], or to the probabilities of a softmax.
 * @throws Error where it is no classifier, see `requireClassifier`.
 * @example
 * ```ts
 * const program = classifier(model, { ...PAPER_RECIPE });
 * const loss = program.train(images, labels, 0.1);
 * program.dispose();
 * ```
 */
export function classifier(model: LayersModel, options: StepOptions, choice: ClassifierChoice = {}) {
  return trainer(model, classification, options, choice);
}

export type Classifier = ReturnType<typeof classifier>;

/**
 * A model's training step for a task and its evaluation as one compiled program.
 *
 * - `train(images, target, learningRate, seed?, ...targets)`: one step; gives the mean loss before it. A task with several targets has the
 *   others at the end. `train.async` does it in another thread.
 *   `seed` ([2], int32) decides what dropout drops, see {@link withRandomSeed}, and where adversarial images start; other models need none.
 * - `evaluate(images, ...targets)`: in evaluation mode, what the task measures of each image.
 * - `accumulate(images, target, share, seed?, ...targets)`: as `train`, but adds its share of the gradients to those that
 *   `apply(learningRate)` makes a step with.
 * - `exchange()`: weights and their averages change places, where the recipe averages.
 * - `optimiser`: see {@link optimiserOf}.
 * - `share()`: in a cluster all get the first worker's weights and what its optimiser keeps; `workers`: see workers.ts.
 * - `dispose()`: frees the graph and what the optimiser keeps; the model keeps its weights.
 *
 * @throws Error where the model or the options are not those of the task.
 * @example
 * ```ts
 * const program = trainer(model, classification, { ...PAPER_RECIPE });
 * const loss = program.train(images, labels, 0.1);
 * program.dispose();
 * ```
 */
export function trainer<P extends ImageResult, E extends Measured, V extends Record<string, Tensor>>(
  model: LayersModel,
  task: Task<P, E, V>,
  options: StepOptions,
  choice: ClassifierChoice = {},
) {
  task.checkModel(model);
  task.checkTraining(model, options);
  const { teacher } = choice;
  checkTeacher(model, teacher, options);
  const weights = variablesOf(model.trainableWeights);
  const optimiser = optimiserOf(model, options);
  const workers = stepOfWorkers(model, () => [...weightNames(model).keys(), ...optimiser.state.values()]);
  const gradients = (images: Tensor4D, targets: Tensor[], seed?: Tensor1D) =>
    workers.mean(() => {
      const own = () => ownGradients(images, targets, seed);
      return options.syncBatchNorm ? withSyncBatchNorm(own) : own();
    });
  const ownGradients = (images: Tensor4D, targets: Tensor[], seed?: Tensor1D) => {
    const shown = task.shown?.(model, images, targets, options, { ...choice, seed }) ?? images;
    const forward: Forward = (pass) => (seed ? withRandomSeed(seed, pass) : pass());
    const taught = teacher && (logitsOf(teacher, shown) as Tensor2D);
    return tf.variableGrads(() => task.loss(model, shown, targets, { ...options, forward, taught }), weights);
  };
  const train = (images: Tensor4D, target: Tensor, rate: Scalar, seed?: Tensor1D, ...others: Tensor[]): Scalar => {
    const { value, grads } = gradients(images, [target, ...others], seed);
    optimiser.update(grads, rate);
    return value;
  };
  const accumulate = (
    images: Tensor4D,
    target: Tensor,
    share: Scalar,
    seed?: Tensor1D,
    ...others: Tensor[]
  ): Scalar => {
    const { value, grads } = gradients(images, [target, ...others], seed);
    optimiser.accumulate(grads, share);
    return value;
  };
  const { apply, exchange } = optimiser;
  const { share } = workers;
  const program = compile({ train, accumulate, apply, exchange, share, evaluate: task.evaluation(model) }, choice);
  return {
    ...program,
    optimiser,
    workers,
    dispose(): void {
      program.dispose();
      optimiser.dispose();
      workers.dispose();
    },
  };
}

/**
 * The evaluation of a classifier alone, compiled: no momentum buffers, no gradients. @throws Error where the model is none.
 * @example
 * ```ts
 * const program = evaluator(model);
 * const predictions = await predictWith(program, set.test);
 * program.dispose();
 * ```
 */
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
