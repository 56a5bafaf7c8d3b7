export {
  type BatchNorm2dArgs,
  BatchNormalization,
  type BatchNormalizationArgs,
  batchNorm2d,
} from './batchNormalization.js';
export { GroupedConv2D, type GroupedConv2DArgs } from './groupedConv2D.js';
