/** Segmentation as `refconv train` has it. */
import { annotationKind, inFiles } from '@refconv/datasets';
import {
  inBackbone,
  SEGMENTATION_RECIPE,
  type SegmentationEvaluation,
  type SegmentedImage,
  segmentation,
  segmentationTransforms,
} from '@refconv/segmentation';
import { writeSegmentation } from '@refconv/segmentation/results';
import { openLoaders } from '@refconv/training';
import { askedShape, normalisationSteps, requireClasses, shapeOf } from './segmentation.js';
import { openSource, sourceOptions } from './source.js';
import type { TrainingTask } from './trainingTask.js';

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

export const segmentationText = ({ meanIou, pixelAccuracy, meanClassAccuracy }: SegmentationEvaluation) =>
  `mean IoU ${percent(meanIou)}, pixel accuracy ${percent(pixelAccuracy)}, mean class accuracy ${percent(meanClassAccuracy ?? 0)}`;

export const segmentationTraining: TrainingTask<SegmentedImage, SegmentationEvaluation> = {
  task: segmentation,
  recipe: SEGMENTATION_RECIPE,
  select: inBackbone,
  async prepare(opened, options) {
    const { data } = opened;
    if (!inFiles(data) || annotationKind(data) !== 'labelImages')
      throw new Error(
        `The images of ${data.name} have no label images, which segmentation needs: give camvid:DIR, segmentation:DIR or scenes.`,
      );
    const [height, width] = askedShape(options) ?? data.shape ?? [];
    const images = { height, width, classes: data.classes.length };
    const { model, notes } = await openSource(
      { ...sourceOptions(options), task: 'segmentation', classes: data.classes.length },
      images,
    );
    requireClasses(segmentation, model, data);
    return { network: { model, notes: { ...notes, task: segmentation.id }, classes: data.classes }, data: opened };
  },
  images({ data }, model, notes, recipe, options) {
    const { workers, skipBroken, maxPixels, recipeTransform, transform = recipeTransform, testTransform } = options;
    if (Object.keys(recipe.augment).length > 0)
      throw new Error(
        '--crop and --no-flip are for images in memory; of images with label images --transform says it.',
      );
    const [height, width] = shapeOf(model);
    const usual = segmentationTransforms([height, width], normalisationSteps(options, notes));
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
  },
  write: writeSegmentation,
  text: segmentationText,
};
