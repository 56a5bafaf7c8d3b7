export { IGNORED, pixelCrossEntropy } from './loss.js';
export {
  type Confusion,
  type ConfusionOptions,
  confusionMatrix,
  type SegmentationMetrics,
  segmentationMetrics,
} from './metrics.js';
export { buildSegmenter, fromTorchvision, type SegmenterOptions } from './segmenter.js';
