/** Whether model, data and recipe fit together. */
import type { Images } from '@refconv/datasets';
import type { LayersModel } from '@tensorflow/tfjs';
import type { SplitName } from './feed.js';
import type { Recipe } from './recipe.js';
import type { ImageResult, Measured, Task } from './task.js';

/** @throws where model, data and recipe do not fit together. */
export function checkData<P extends ImageResult, E extends Measured>(
  model: LayersModel,
  task: Task<P, E>,
  wanted: number,
  splits: { train: Images } & Partial<Record<SplitName, Images>>,
  { batchSize, dropLast }: Recipe,
): void {
  task.checkModel(model);
  const given = task.classesOf(model);
  if (given !== wanted) {
    throw new Error(`The model has ${given} logits and the data ${wanted} classes; give the model ${wanted} classes.`);
  }
  const taken = model.inputs[0]?.shape.slice(1) ?? [];
  for (const [name, { shape, count }] of Object.entries(splits)) {
    if (count === 0) throw new Error(`The data's ${name} split has no images.`);
    if (taken.some((size, i) => size !== null && size !== shape[i])) {
      throw new Error(`The model takes images of [${taken}]; those of the ${name} split are [${shape}].`);
    }
  }
  if (dropLast && splits.train.count < batchSize) {
    throw new Error(
      `batchSize ${batchSize} is more than the ${splits.train.count} training images; lower it, or set dropLast to false.`,
    );
  }
}
