export { defaultBoxes } from './anchors.js';
export { type Box, iou, rescale, type Size } from './boxes.js';
export { decode, encode } from './coder.js';
export { withDecoding } from './decoded.js';
export { type Detection, type DetectionOptions, detectionsOf, nonMaximumSuppression } from './detections.js';
export {
  anchorsOf,
  backboneConvolutions,
  buildDetector,
  type DetectorOptions,
  inputSizeOf,
  predictionsOf,
} from './detector.js';
export { type DetectedImage, type DetectionEvaluation, detectionEvaluation } from './evaluation.js';
export { type DetectionLosses, detectionLosses, type ImageLosses, imageLosses, type Predictions } from './loss.js';
export { matchAnchors } from './matching.js';
export { DETECTION_RECIPE, detectionTransforms } from './recipe.js';
export { type BatchTargets, batchTargets, boxTensor, type ImageTargets } from './targets.js';
export { detection } from './task.js';
export { fromTorchvision, optionsOf } from './torchvision.js';
