export { type CocoMetrics, cocoMetrics } from './coco.js';
export {
  type CocoAnnotation,
  type CocoBox,
  type CocoResult,
  type CocoTruth,
  checkResults,
  checkTruth,
} from './cocoFormat.js';
export { type VocMetrics, type VocRule, vocMetrics } from './voc.js';
