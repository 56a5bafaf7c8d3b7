/** What the averages of the weights make of the images, and their values. */
import type { ImageSplit, Loader } from '@refconv/datasets';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Classifier } from './classifier.js';
import { type EvaluationOptions, resultsOf } from './evaluate.js';
import type { SplitName } from './feed.js';
import { type MetricsRow, scoreKey } from './metrics.js';
import type { ImageResult, Measured, Task } from './task.js';

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
  splits: Partial<Record<SplitName, ImageSplit | Loader>>,
  options: EvaluationOptions & { classes: number },
): Promise<Partial<MetricsRow>> {
  return withAverages(program, async () => {
    const row: Partial<MetricsRow> = {};
    for (const [name, split] of Object.entries(splits) as [SplitName, ImageSplit | Loader][]) {
      const found = task.evaluationOf(await resultsOf(program, task, split, options));
      row[`${name}AveragedLoss`] = found.loss;
      row[scoreKey(`${name}Averaged`, task.score.name)] = found[task.score.name] as number;
    }
    return row;
  });
}

/** The averages, in the order of the model's weights. */
export const averagesOf = (program: Program, model: LayersModel): Promise<Float32Array[]> =>
  withAverages(program, () => model.weights.map((weight) => weight.read().dataSync<'float32'>().slice()));
