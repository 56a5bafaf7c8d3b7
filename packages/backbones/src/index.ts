export type {
  Backbone,
  BackboneOptions,
  BackboneSize,
  DilationDialect,
  FeatureTaps,
  Preprocessing,
  PublishedResult,
  Signature,
} from './backbone.js';
export { type ConvNeXtOptions, convnextTiny } from './convnext.js';
export { type DenseNetOptions, densenet121, densenet169 } from './densenet.js';
export { type EfficientNetB0Options, efficientnetB0 } from './efficientnet_b0.js';
export { type FasterNetOptions, fasternetS } from './fasternet.js';
export {
  BACKBONE_PREFIX,
  buildFeatures,
  type FeatureOptions,
  featureExtractor,
  featureTaps,
  loadClassifier,
} from './features.js';
export { classesOf, fittingBackbones, fittingVariants } from './fitting.js';
export { type HBONetOptions, hbonet } from './hbonet.js';
export { channelsOf, LayerBuilder, torchDefault } from './layerBuilder.js';
export { type MobileNetV1Options, mobilenetv1 } from './mobilenetv1.js';
export { type MobileNetV2Options, mobilenetv2 } from './mobilenetv2.js';
export { type MobileNetV3Options, mobilenetv3 } from './mobilenetv3.js';
export { type MobileNetV3TorchvisionOptions, mobilenetv3Torchvision } from './mobilenetv3_torchvision.js';
export { type MobileNeXtOptions, mobilenext } from './mobilenext.js';
export { evaluationTransform, publishedPreprocessing } from './preprocessing.js';
export { BACKBONES, buildBackbone, registerBackbone } from './registry.js';
export { ownNames } from './renaming.js';
export { type ResNetOptions, resnet18, resnet50 } from './resnet.js';
export { type ResNet20CifarOptions, resnet20Cifar } from './resnet20_cifar.js';
export { type ShuffleNetV1Options, shufflenetv1G3, shufflenetv1G8 } from './shufflenetv1.js';
export { type ShuffleNetV2Options, shufflenetv2 } from './shufflenetv2.js';
