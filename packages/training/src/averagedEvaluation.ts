/** What the averages of the weights make of the images, and their values. */
import type { ImageSplit, Loader } from '@refconv/datasets';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Classifier } from './classifier.js';
import { predictWith } from './evaluate.js';
import type { Normalisation, SplitName } from './feed.js';
import type { MetricsRow } from './metrics.js';
import { evaluationOf } from './predictions.js';

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
export function averagedNumbers(
  program: Program,
  splits: Partial<Record<SplitName, ImageSplit | Loader>>,
  normalisation: Normalisation,
): Promise<Partial<MetricsRow>> {
  return withAverages(program, async () => {
    const row: Partial<MetricsRow> = {};
    for (const [name, split] of Object.entries(splits) as [SplitName, ImageSplit | Loader][]) {
      const { loss, top1 } = evaluationOf(await predictWith(program, split, normalisation));
      row[`${name}AveragedLoss`] = loss;
      row[`${name}AveragedTop1`] = top1;
    }
    return row;
  });
}

/** The averages, in the order of the model's weights. */
export const averagesOf = (program: Program, model: LayersModel): Promise<Float32Array[]> =>
  withAverages(program, () => model.weights.map((weight) => weight.read().dataSync<'float32'>().slice()));
