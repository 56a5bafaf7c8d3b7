/** Detection as `refconv train` has it. */
import { annotationKind, inFiles } from '@refconv/datasets';
import {
  backboneConvolutions,
  DETECTION_RECIPE,
  type DetectedImage,
  type DetectionEvaluation,
  detection,
  detectionTransforms,
} from '@refconv/detection';
import { writeDetection } from '@refconv/detection/results';
import { denseImages } from './denseImages.js';
import { askedShape, requireClasses } from './segmentation.js';
import { openSource, sourceOptions } from './source.js';
import type { TrainingTask } from './trainingTask.js';

/** Of the images, where nothing else is said: SSDLite's. */
const SIZE = [320, 320] as const;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

export const detectionText = ({ ap, ap50, ap75, voc12 }: DetectionEvaluation) =>
  `AP ${percent(ap)}, AP50 ${percent(ap50)}, AP75 ${percent(ap75)}, VOC AP ${percent(voc12)}`;

export const detectionTraining: TrainingTask<DetectedImage, DetectionEvaluation> = {
  task: detection,
  recipe: DETECTION_RECIPE,
  select: backboneConvolutions,
  async prepare(opened, options) {
    const { data } = opened;
    if (!inFiles(data) || annotationKind(data) !== 'boxes')
      throw new Error(
        `The images of ${data.name} have no boxes, which detection needs: give voc:DIR, coco:DIR or objects.`,
      );
    const [height, width] = askedShape(options) ?? data.shape ?? SIZE;
    const classes = data.classes.length + 1;
    const { model, notes } = await openSource(
      { ...sourceOptions(options), task: 'detection', classes },
      { height, width, classes },
    );
    requireClasses(detection, model, data);
    return { network: { model, notes: { ...notes, task: detection.id }, classes: data.classes }, data: opened };
  },
  images: denseImages({ marks: 'boxes', transforms: detectionTransforms }),
  write: writeDetection,
  text: detectionText,
};
