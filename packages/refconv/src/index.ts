export {
  isRefConv,
  RefConv2D,
  type RefConv2DArgs,
  type RefConvLayer,
  type RefConvLayerOptions,
  RefDepthwiseConv2D,
  type RefDepthwiseConv2DArgs,
} from './layers.js';
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
  officialConvmap,
  type RefConvOptions,
  type RefocusOptions,
  refconv,
  refconvLayers,
  refconvParameters,
  refocus,
  setOfficialConvmap,
} from './refconv.js';
export {
  type ConvolutionLayer,
  isSpatial,
  merge,
  type PlainClass,
  type Reparameterization,
  type ReparameterizedLayer,
  reparameterize,
  reparameterizedLayers,
  type Selection,
} from './reparameterization.js';
