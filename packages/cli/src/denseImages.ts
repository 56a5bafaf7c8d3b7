/** Images whose labels or boxes move with their pixels, as `refconv train` has them. */
import type { OpenDataset } from '@refconv/datasets';
import { type ModelNotes, openLoaders, type Recipe } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { normalisationSteps, shapeOf } from './segmentation.js';
import type { PreparedImages, TaskOptions } from './trainingTask.js';

/** What of the images is the task's own. */
interface DenseTask {
  /** What they have besides pixels, to read. */
  marks: string;
  /** The transforms where nothing else is said. @param normalisation their last steps. */
  transforms(size: readonly [number, number], normalisation: string): { train: string; test: string };
}

/** The part of a task that prepares its images. @throws Error for options of images in memory. */
export const denseImages =
  ({ marks, transforms }: DenseTask) =>
  (
    { data }: OpenDataset,
    model: LayersModel,
    notes: ModelNotes,
    recipe: Recipe,
    options: TaskOptions,
  ): PreparedImages => {
    const { workers, skipBroken, maxPixels, recipeTransform, transform = recipeTransform, testTransform } = options;
    if (Object.keys(recipe.augment).length > 0)
      throw new Error(`--crop and --no-flip are for images in memory; of images with ${marks} --transform says it.`);
    const [height, width] = shapeOf(model);
    const usual = transforms([height, width], normalisationSteps(options, notes));
    const loaders = openLoaders(data, recipe, {
      train: transform ?? usual.train,
      test: testTransform ?? notes.transform ?? usual.test,
      ...{ workers, maxPixels, onBroken: skipBroken ? 'skip' : 'fail' },
    });
    const { text, mean, std } = loaders.test.transform;
    return {
      ...{ data: loaders, size: `${height}×${width}`, close: loaders.close },
      fit: { recipe: { ...recipe, augment: {} } },
      notes: { mean, std, transform: text },
    };
  };
