/** What the averages of the weights make of the images, and their values. */
import type { Images } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Classifier } from './classifier.js';
import { type EvaluationOptions, resultsOf } from './evaluate.js';
import type { SplitName } from './feed.js';
import { type MetricsRow, scoreKey } from './metrics.js';
import { type ModelNotes, saveModel } from './modelFolder.js';
import type { ImageResult, Measured, Task } from './task.js';
import { weightNames } from './tensors.js';

type Program = Pick<Classifier, 'exchange' | 'evaluate'>;

/** What `body` finds while the model has the averages for weights. */
async function withAverages<T>(program: Program, body: () => T | Promise<T>): Promise<T> {
  program.exchange();
  try {
    return await body();
  } finally {
    program.exchange();
  }
}

/** The averages' numbers of splits, as a row of metrics has them. */
export function averagedNumbers<P extends ImageResult, E extends Measured>(
  program: Program,
  task: Task<P, E>,
  splits: Partial<Record<SplitName, Images>>,
  options: EvaluationOptions & { classes: number },
): Promise<Partial<MetricsRow>> {
  return withAverages(program, async () => {
    const row: Partial<MetricsRow> = {};
    for (const [name, split] of Object.entries(splits) as [SplitName, Images][]) {
      const found = task.evaluationOf(await resultsOf(program, task, split, options));
      row[`${name}AveragedLoss`] = found.loss;
      row[scoreKey(`${name}Averaged`, task.score.name)] = found[task.score.name] as number;
    }
    return row;
  });
}

/** The averages by the weights' names: their order changes with what is frozen. */
export const averagesOf = (program: Program, model: LayersModel): Promise<Map<string, Float32Array>> =>
  withAverages(program, () => valuesOf(model));

const valuesOf = (model: LayersModel) =>
  new Map(Array.from(weightNames(model), ([variable, name]) => [name, variable.dataSync<'float32'>().slice()]));

/**
 * Saves the same network with the averages for weights; the model keeps its own. A folder that is there is replaced.
 * @example
 * ```ts
 * const { averaged } = await fit({ model, data: set, recipe: { ...PAPER_RECIPE, averaging: { decay: 0.999 } } });
 * if (averaged) await saveAverages(model, averaged, 'averaged', { mean, std });
 * ```
 */
export async function saveAverages(
  model: LayersModel,
  averages: ReadonlyMap<string, Float32Array>,
  folder: string,
  notes: ModelNotes,
): Promise<void> {
  const own = valuesOf(model);
  const give = (values: ReadonlyMap<string, Float32Array>) =>
    tf.tidy(() => {
      for (const [variable, name] of weightNames(model))
        variable.assign(tf.tensor(values.get(name) as Float32Array, variable.shape) as never);
    });
  give(averages);
  try {
    await saveModel(model, folder, notes, { replace: true });
  } finally {
    give(own);
  }
}
