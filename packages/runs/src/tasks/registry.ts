/** What networks are trained for, by ids: the project's own, and what a user's files add. Loads no TensorFlow. */
import type { ImageSource, ImageSplit } from '@refconv/datasets';
import { Registry } from '@refconv/files';
import type { Selection } from '@refconv/refconv';
import type { ImageResult, Measured, Recipe, Task, TrainingData } from '@refconv/training';
import type { TorchState } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import type { KnownImages, SourceOptions } from '../networks/options.js';

/** What is known of a task without TensorFlow. */
export interface TaskFacts {
  /** What its images have besides pixels; left out: a class each. */
  annotations?: { kind: 'labelImages' | 'boxes'; what: string };
  /** The measure by which its runs are compared: an entry of evaluations and results, from 0 to 1, the higher the better. */
  score: { name: string; title: string };
  /** What only trainings need; the project's own tasks are loaded by `openTask`. */
  load?(): Promise<RunTask>;
}

/** What a training needs of its task beside the loop. */
export interface RunTask<P extends ImageResult = ImageResult, E extends Measured = Measured> {
  task: Task<P, E>;
  /** Where the command names none. */
  recipe: Recipe;
  /** A network over a classifier's body. Left out: the classifier itself. */
  network?: OpenNetwork;
  /** The convolutions that a method takes where a spec does not say it. Left out: all spatial ones. */
  select?: Selection;
  /** How images with annotations become the network's where a spec does not say it. @param normalisation the last steps. */
  transforms?(size: readonly [number, number], normalisation: string): { train: string; test: string };
  /** Height and width of images with annotations, where neither a spec nor the set says them. */
  shape?: readonly [number, number];
  /** Files about the final pass. */
  write(folder: string, results: readonly P[], evaluation: E, classes: readonly string[]): Promise<void>;
  /** A picture of it. */
  pictures?(folder: string, model: LayersModel, data: TrainingData): Promise<void>;
  /** What a result holds of it. */
  measures(evaluation: E): Record<string, unknown>;
  /** The measures, to read. */
  text(evaluation: E): string;
  /** More of them, a line each, as the command shows them. */
  details?(evaluation: E, classes: readonly string[]): string[];
  /** Annotations and results as other programs read them, for `evaluate --output`. @param images that the results are of. */
  exportResults?(folder: string, results: readonly P[], images: ImageSplit | ImageSource): Promise<void>;
}

/**
 * The plain network for images of this size and number of classes, and the weights under its keys where they are not given to it yet: those of a
 * classifier go into its backbone.
 */
export type OpenNetwork = (
  options: SourceOptions & { backbone: string },
  images: KnownImages | undefined,
  given: TorchState | undefined,
) => Promise<{ model: LayersModel; state?: TorchState | undefined }>;

export const CLASSIFICATION = 'classification';

/** Those of the project, and what {@link registerTask} adds. */
export const TASKS: Registry<TaskFacts> = new Registry<TaskFacts>('task', {
  [CLASSIFICATION]: { score: { name: 'top1', title: 'top-1' } },
  segmentation: {
    annotations: { kind: 'labelImages', what: 'label images' },
    score: { name: 'meanIou', title: 'mean IoU' },
  },
  detection: { annotations: { kind: 'boxes', what: 'boxes' }, score: { name: 'ap', title: 'AP' } },
});

/** Who has results and evaluations of a task gives them to the same one. */
export const anyTask = <P extends ImageResult, E extends Measured>(task: RunTask<P, E>): RunTask =>
  task as unknown as RunTask;

/** The measure of tasks of a user's own: ledgers and results have a place for it, and who reads them need not know the task. */
export const OWN_SCORE = 'score';

/** A task of a user's own. */
export interface OwnTask<P extends ImageResult, E extends Measured & { score: number }>
  extends Pick<TaskFacts, 'annotations'> {
  /** What its score is called in tables and charts. */
  title: string;
  load(): Promise<RunTask<P, E>>;
}

/**
 * Makes a task of one's own known by its id, to `task.id` of specs and `refconv train --task`. Its evaluation has the entry `score`, from 0 to 1, by
 * which its runs are compared.
 * @throws RangeError where the id is taken.
 * @example
 * ```ts
 * import { classification, PAPER_RECIPE } from '@refconv/training';
 * const { results, evaluationOf, ...rest } = classification;
 * const task = {
 *   ...rest,
 *   id: 'top-two',
 *   score: { name: 'score', title: 'top-2' } as const,
 *   results,
 *   evaluationOf: (found: ReturnType<typeof results>) => ({
 *     ...evaluationOf(found),
 *     score: found.filter(({ rank }) => rank < 2).length / found.length,
 *   }),
 * };
 * registerTask('top-two', {
 *   title: 'top-2',
 *   load: async () => ({
 *     ...{ task, recipe: PAPER_RECIPE, write: async () => {} },
 *     measures: ({ top1 }) => ({ top1 }),
 *     text: ({ score, top1 }) => `top-2 ${score}, top-1 ${top1}`,
 *   }),
 * });
 * ```
 */
export function registerTask<P extends ImageResult, E extends Measured & { score: number }>(
  id: string,
  { title, load, ...facts }: OwnTask<P, E>,
): void {
  TASKS.register(id, { ...facts, score: { name: OWN_SCORE, title }, load: async () => anyTask(await load()) });
}
