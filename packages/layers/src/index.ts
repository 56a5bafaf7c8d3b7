export {
  type BatchNorm2dArgs,
  BatchNormalization,
  type BatchNormalizationArgs,
  type BatchNormVariables,
  batchNorm2d,
  moveAverage,
  normalizeBatch,
} from './batchNormalization.js';
export { BilinearResize, type BilinearResizeArgs, bilinearMatrix, bilinearResize } from './bilinearResize.js';
export { type BoxCoding, BoxDecoding, type BoxDecodingArgs } from './boxDecoding.js';
export {
  ChannelShuffle,
  type ChannelShuffleArgs,
  ChannelSlice,
  type ChannelSliceArgs,
  ChannelSplit,
  type ChannelSplitArgs,
} from './channels.js';
export { DilatedDepthwiseConv2D, dilatedDepthwiseConv2d } from './dilatedDepthwiseConv2D.js';
export { GroupedConv2D, type GroupedConv2DArgs, groupedConv2d } from './groupedConv2D.js';
export { HardSigmoid, HardSwish } from './hardActivations.js';
export { LayerNormalization } from './layerNormalization.js';
export { LayerScale, type LayerScaleArgs } from './layerScale.js';
export { type ChannelMoments, channelMap, channelMoments } from './moments.js';
export { headOf, logitsOf, outputActivation, requireClassifier, requireTrainable } from './outputs.js';
export { stopGradient } from './stopGradient.js';
export { variablesOf } from './variables.js';
export { withoutDrawing } from './withoutDrawing.js';
