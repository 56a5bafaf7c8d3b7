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
import { denseImages } from './denseImages.js';
import { askedShape, requireClasses } from './segmentation.js';
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
  images: denseImages({ marks: 'label images', transforms: segmentationTransforms }),
  write: writeSegmentation,
  text: segmentationText,
};
