export { defaultBoxes } from './anchors.js';
export { type Box, iou, rescale, type Size } from './boxes.js';
export { decode, encode } from './coder.js';
export { type Detection, type DetectionOptions, detectionsOf, nonMaximumSuppression } from './detections.js';
export {
  anchorsOf,
  backboneConvolutions,
  buildDetector,
  type DetectorOptions,
  inputSizeOf,
  predictionsOf,
} from './detector.js';
export { type DetectionLosses, detectionLosses, type Predictions } from './loss.js';
export { matchAnchors } from './matching.js';
export { type BatchTargets, batchTargets, boxTensor, type ImageTargets } from './targets.js';
export { fromTorchvision, optionsOf } from './torchvision.js';
