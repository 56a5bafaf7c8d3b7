/** Segmentation as a run has it. */
import { featureTaps, loadClassifier } from '@refconv/backbones';
import {
  buildSegmenter,
  fromTorchvision,
  inBackbone,
  SEGMENTATION_RECIPE,
  type SegmentationEvaluation,
  type SegmentedImage,
  segmentation,
  segmentationTransforms,
} from '@refconv/segmentation';
import { writeSegmentation } from '@refconv/segmentation/results';
import { isOfClassifier, sizeOf } from '../networks/dense.js';
import { withoutUndefined } from '../networks/weights.js';
import { writePictures } from '../pictures.js';
import { percent, share } from '../text.js';
import type { OpenNetwork, RunTask } from './registry.js';

const LOGITS = 'classifier.high_classifier.weight';

const openSegmenter: OpenNetwork = async (options, images, given) => {
  featureTaps(options.backbone);
  const state = given && fromTorchvision(given);
  const { backbone, variant, width, activation, seed, stochasticDepth, outputStride, head, auxiliary } = options;
  const classes = options.classes ?? state?.get(LOGITS)?.shape[0] ?? images?.classes;
  const inputSize = sizeOf(options, images);
  if (classes === undefined) throw new Error('How many classes? Give --classes.');
  if (!inputSize) throw new Error('Which size have the images? Give --image-size, such as 180x240.');
  const chosen = withoutUndefined({ variant, width, activation, seed, stochasticDepth, head, auxiliary });
  const model = await buildSegmenter({ backbone, classes, outputStride, inputSize, ...chosen });
  if (!state || !isOfClassifier(state)) return { model, state };
  loadClassifier(model, state);
  return { model };
};

export const SEGMENTATION_TASK: RunTask<SegmentedImage, SegmentationEvaluation> = {
  task: segmentation,
  recipe: SEGMENTATION_RECIPE,
  network: openSegmenter,
  select: inBackbone,
  transforms: segmentationTransforms,
  write: writeSegmentation,
  pictures: writePictures,
  measures: ({ meanIou, pixelAccuracy, iou }) => ({ meanIou, pixelAccuracy, iou }),
  text: ({ meanIou, pixelAccuracy, meanClassAccuracy }) =>
    `mean IoU ${percent(meanIou)}, pixel accuracy ${percent(pixelAccuracy)}, mean class accuracy ${percent(meanClassAccuracy ?? 0)}`,
  details: ({ iou, classAccuracy }, classes) =>
    classes.map((name, i) => `${name}: IoU ${share(iou[i])}, accuracy ${share(classAccuracy[i])}`),
};
