export type { Convolution, ConvolutionLayer, PlainClass } from './convolution.js';
export {
  type ConvmapInit,
  convmapBound,
  convmapShape,
  fromOfficialConvmap,
  type KernelLayout,
  toOfficialConvmap,
  transformKernel,
} from './map.js';
export {
  type Block,
  defineMethod,
  type MergedWeights,
  type Method,
  type MethodDefinition,
  type Reparameterization,
  type ReparameterizedLayer,
  type Site,
} from './method.js';
export {
  isRefConv,
  officialConvmap,
  RefConv2D,
  type RefConv2DArgs,
  type RefConvLayer,
  type RefConvLayerOptions,
  type RefConvOptions,
  RefDepthwiseConv2D,
  type RefDepthwiseConv2DArgs,
  RefGroupedConv2D,
  type RefGroupedConv2DArgs,
  type RefocusOptions,
  refconv,
  refconvLayers,
  refconvParameters,
  refocus,
  setOfficialConvmap,
} from './refconv.js';
export {
  isSpatial,
  merge,
  type ReparameterizeOptions,
  reparameterize,
  reparameterizedLayers,
  type Selection,
} from './reparameterization.js';
