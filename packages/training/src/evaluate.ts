/** One pass over the images of a split. */
import { fileName, type ImageBatch, type Images } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel } from '@tensorflow/tfjs';
import { classification } from './classification.js';
import { type CompileChoice, type Evaluator, taskEvaluator } from './classifier.js';
import { evaluationEpochs } from './feed.js';
import { type Evaluation, type Prediction, requireFinite } from './predictions.js';
import type { ImageResult, Measured, Task } from './task.js';
import { imageTensor } from './tensors.js';
import { everyonesResults } from './workers.js';

export interface EvaluationOptions {
  /** Images a call; a loader has its own number. Default: 250. */
  batchSize?: number;
  /** Called after each batch with the number of images done. */
  onBatch?: (done: number) => void;
}

export interface TaskChoice<P extends ImageResult = Prediction, E extends Measured = Evaluation> {
  /** What the network is for. Default: classification. */
  task?: Task<P, E>;
}

/** The task that was chosen. */
export const taskOf = <P extends ImageResult, E extends Measured>({ task }: TaskChoice<P, E>): Task<P, E> =>
  task ?? (classification as unknown as Task<P, E>);

/**
 * Accuracy and loss of a model over a split, or what else the task measures; compiles it for this one use.
 * @param model of the task: for classification images [n, h, w, c] to logits [n, classes].
 * @throws if logits are NaN or infinite, or no image can be read.
 * @example
 * ```ts
 * const { top1, loss } = await evaluate(model, set.test);
 * ```
 */
export async function evaluate<P extends ImageResult = Prediction, E extends Measured = Evaluation>(
  model: LayersModel,
  split: Images,
  options: EvaluationOptions & CompileChoice & TaskChoice<P, E> = {},
): Promise<E> {
  return requireFinite(taskOf(options).evaluationOf(await predict(model, split, options)));
}

/**
 * What a model makes of each image, in evaluation mode and in the order of the split; compiles it for this one use.
 * In a cluster each worker does its share of the images and gets the results of all, so that all of them have to call it.
 * @param model of the task: for classification images [n, h, w, c] to logits [n, classes].
 * @throws if no image can be read.
 * @example
 * ```ts
 * const predictions = await predict(model, set.test);
 * const wrong = predictions.filter(({ label, prediction }) => label !== prediction);
 * ```
 */
export async function predict<P extends ImageResult = Prediction, E extends Measured = Evaluation>(
  model: LayersModel,
  split: Images,
  options: EvaluationOptions & CompileChoice & TaskChoice<P, E> = {},
): Promise<P[]> {
  const task = taskOf(options);
  const program = taskEvaluator(model, task, options);
  try {
    return await resultsOf(program, task, split, { ...options, classes: task.classesOf(model) });
  } finally {
    program.dispose();
  }
}

/**
 * {@link predict} for classification by a program that is already compiled.
 * @example
 * ```ts
 * const program = evaluator(model);
 * const predictions = await predictWith(program, set.test);
 * program.dispose();
 * ```
 */
export async function predictWith(
  program: Evaluator,
  split: Images,
  options: EvaluationOptions = {},
): Promise<Prediction[]> {
  return resultsOf(program, classification, split, options);
}

/** The same for any task. */
export async function resultsOf<P extends ImageResult, E extends Measured>(
  program: Evaluator,
  task: Task<P, E>,
  split: Images,
  { classes = 0, ...options }: EvaluationOptions & { classes?: number | undefined },
): Promise<P[]> {
  const found: P[] = [];
  for await (const batch of evaluationEpochs(split, options.batchSize).epoch(0, 0)) {
    const images = imageTensor(batch, split.shape);
    const targets = task.targets(batch, classes);
    const result = await program.evaluate.async(images, ...targets);
    const values = Object.entries(result).map(([name, tensor]) => [name, tensor.dataSync<'float32' | 'int32'>()]);
    task.results(Object.fromEntries(values), batch, classes).forEach((value, i) => {
      const file = fileOf(split, batch, i);
      found.push({ ...(file !== undefined && { file }), ...value });
    });
    tf.dispose([images, targets, result]);
    options.onBatch?.(found.length);
  }
  const all = await everyonesResults(found);
  if (all.length === 0) throw nothingRead(split);
  return all;
}

/** The path of a batch's image, where it is in a file. */
export const fileOf = ({ source }: Images, { indices }: ImageBatch, i: number): string | undefined =>
  source && indices ? fileName(source, indices[i] as number) : undefined;

/** The error of a split of which no image could be read, although those that cannot are left out. */
export function nothingRead({ count, broken: [first] }: Images): Error {
  const why = first ? `: ${first.path}: ${first.reason}${count > 1 ? ', and so on' : ''}` : '';
  return new Error(`None of the ${count} images could be read${why}.`);
}
