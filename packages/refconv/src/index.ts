export { type ACBOptions, acb } from './acb.js';
export type { Convolution, ConvolutionLayer, PlainClass } from './convolution.js';
export { type CWNOptions, cwn } from './cwn.js';
export { type DBBOptions, dbb } from './dbb.js';
export { type EffectiveKernel, effectiveKernels } from './effectiveKernels.js';
export {
  type ConvmapInit,
  convmapBound,
  convmapShape,
  fromOfficialConvmap,
  type KernelLayout,
  stepAmplification,
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
export { buildMethod, METHODS, registerMethod } from './methods.js';
export { withNewHead } from './newHead.js';
export { type OWNOptions, own } from './own.js';
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
  type LeftLayer,
  merge,
  type ReparameterizeOptions,
  reparameterize,
  reparameterizedLayers,
  type Selection,
} from './reparameterization.js';
export { type RepVGGOptions, repvgg } from './repvgg.js';
export { type WNOptions, wn } from './wn.js';
