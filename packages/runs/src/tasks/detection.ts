/** Detection as a run has it. */
import { mkdir } from 'node:fs/promises';
import { loadClassifier } from '@refconv/backbones';
import { fileName, type ImageSource, type ImageSplit } from '@refconv/datasets';
import {
  backboneConvolutions,
  buildDetector,
  DETECTION_RECIPE,
  type DetectedImage,
  type DetectionEvaluation,
  detection,
  detectionTransforms,
  fromTorchvision,
  optionsOf,
} from '@refconv/detection';
import { writeCoco, writeDetection } from '@refconv/detection/results';
import { isOfClassifier, sizeOf } from '../networks/dense.js';
import { withoutUndefined } from '../networks/weights.js';
import { writeBoxPictures } from '../pictures.js';
import { percent, share } from '../text.js';
import type { OpenNetwork, RunTask } from './registry.js';

const openDetector: OpenNetwork = async (options, images, given) => {
  const state = given && fromTorchvision(given);
  const isClassifier = state !== undefined && isOfClassifier(state);
  const { backbone, variant, width, activation, seed, stochasticDepth, outputStride } = options;
  if (outputStride !== undefined) throw new Error('--output-stride is for segmentation; detection has stride 32.');
  const told = state && !isClassifier ? optionsOf(state) : {};
  // The background is a class more than the images have.
  const classes = options.classes ?? told.classes ?? (images?.classes === undefined ? undefined : images.classes + 1);
  const inputSize = sizeOf(options, images);
  if (classes === undefined) throw new Error('How many classes, with the background? Give --classes.');
  if (!inputSize) throw new Error('Which size have the images? Give --image-size, such as 320x320.');
  const chosen = withoutUndefined({ ...told, variant, width, activation, seed, stochasticDepth });
  const model = await buildDetector({ ...chosen, backbone, classes, inputSize });
  if (!isClassifier) return { model, state };
  loadClassifier(model, state);
  return { model };
};

/** What COCO's twelve numbers are called. */
const COCO_NAMES = [
  ...['AP', 'AP50', 'AP75', 'AP small', 'AP medium', 'AP large'],
  ...['recall at 1', 'recall at 10', 'recall at 100', 'recall small', 'recall medium', 'recall large'],
];

/** As COCO has them, with its own numbers of the images and of the classes. */
async function exportCoco(folder: string, found: readonly DetectedImage[], images: ImageSplit | ImageSource) {
  if (!('place' in images) || images.annotations?.kind !== 'boxes') return;
  const { annotations, count, classes } = images;
  const idOf = new Map(Array.from({ length: count }, (_, i) => [fileName(images, i), annotations.ids[i] as number]));
  const ids = found.map(({ file }, i) => (file === undefined ? i + 1 : (idOf.get(file) as number)));
  await mkdir(folder, { recursive: true });
  await writeCoco(folder, found, classes, { categories: annotations.categories, images: ids });
}

export const DETECTION_TASK: RunTask<DetectedImage, DetectionEvaluation> = {
  task: detection,
  recipe: DETECTION_RECIPE,
  network: openDetector,
  select: backboneConvolutions,
  transforms: detectionTransforms,
  shape: [320, 320], // SSDLite's
  write: writeDetection,
  pictures: writeBoxPictures,
  measures: ({ ap, ap50, voc12, classAp }) => ({ ap, ap50, voc12, classAp }),
  text: ({ ap, ap50, ap75, voc12 }) =>
    `AP ${percent(ap)}, AP50 ${percent(ap50)}, AP75 ${percent(ap75)}, VOC AP ${percent(voc12)}`,
  details: ({ coco, classAp, classVoc12 }, classes) => [
    ...COCO_NAMES.map((name, i) => `${name}: ${share(coco[i])}`),
    ...classes.map((name, i) => `${name}: AP ${share(classAp[i])}, VOC AP ${share(classVoc12[i])}`),
  ],
  exportResults: exportCoco,
};
