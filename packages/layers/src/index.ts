export {
  type BatchNorm2dArgs,
  BatchNormalization,
  type BatchNormalizationArgs,
  batchNorm2d,
} from './batchNormalization.js';
