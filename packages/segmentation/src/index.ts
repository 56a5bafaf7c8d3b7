export { IGNORED, pixelCrossEntropy, segmentationLoss } from './loss.js';
export {
  type Confusion,
  type ConfusionOptions,
  confusionMatrix,
  type SegmentationMetrics,
  segmentationMetrics,
} from './metrics.js';
export { SEGMENTATION_RECIPE, segmentationTransforms } from './recipe.js';
export { buildSegmenter, fromTorchvision, type HeadId, inBackbone, type SegmenterOptions } from './segmenter.js';
export { type SegmentationEvaluation, type SegmentedImage, segmentation } from './task.js';
