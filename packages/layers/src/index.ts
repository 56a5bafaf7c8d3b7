export {
  type BatchNorm2dArgs,
  BatchNormalization,
  type BatchNormalizationArgs,
  type BatchNormVariables,
  batchNorm2d,
  normalizeBatch,
} from './batchNormalization.js';
export { GroupedConv2D, type GroupedConv2DArgs, groupedConv2d } from './groupedConv2D.js';
