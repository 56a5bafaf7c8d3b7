/** What the tests expect of each network beside its oracle. */
import type { BackboneOptions } from '../backbone.js';
import { BACKBONES } from '../registry.js';

/** The options that leave dropout and stochastic depth out, where the network has them: the oracles were made so. */
export function withoutDropping(id: string): BackboneOptions {
  const dropping = ['dropout', 'stochasticDepth'] as const;
  return Object.fromEntries(
    dropping.flatMap((name) => (BACKBONES.find(id)?.options.includes(name) ? [[name, 0]] : [])),
  );
}

export interface Expected {
  parameters: Partial<Record<'imagenet' | 'cifar', number>>;
  /** Layers whose sizes the cifar variant must have, [h, w, c]. */
  cifarShapes: Record<string, number[]>;
  /** How kuangliu/pytorch-cifar's variant is reached: its anchor, our options, and its name of a layer of ours. */
  kuangliu?: { anchor: string; options?: BackboneOptions; name: (layer: string) => string };
}

export const EXPECTED: Record<string, Expected> = {
  mobilenetv1: {
    parameters: { imagenet: 4_231_976, cifar: 3_217_226 },
    cifarShapes: { conv_stem: [32, 32, 32], 'blocks.4.1.conv_pw': [2, 2, 1024] },
    kuangliu: {
      anchor: 'cifar_mobilenet',
      options: { activation: 'relu' },
      name: (layer) => {
        const [, stage, block, part] = /^blocks\.(\d)\.(\d)\.(\w+)$/.exec(layer) ?? [];
        const renamed: Record<string, string> = { conv_stem: 'conv1', conv_dw: 'conv1', conv_pw: 'conv2' };
        if (part === undefined) return layer === 'classifier' ? 'linear' : (renamed[layer] ?? layer);
        const before = [0, 1, 3, 5, 11][Number(stage)] as number;
        return `layers.${before + Number(block)}.${renamed[part] ?? part}`;
      },
    },
  },
  mobilenetv2: {
    parameters: { imagenet: 3_504_872, cifar: 2_296_922 },
    cifarShapes: { 'features.0.0': [32, 32, 32], 'features.3.add': [32, 32, 24], 'features.18.0': [4, 4, 1280] },
    kuangliu: {
      anchor: 'cifar_mobilenetv2',
      name: (layer) => {
        const ends: Record<string, string> = {
          'features.0.0': 'conv1',
          'features.0.1': 'bn1',
          'features.18.0': 'conv2',
          'features.18.1': 'bn2',
          'classifier.1': 'linear',
        };
        const [, feature, part] = /^features\.(\d+)\.(.+)$/.exec(layer) ?? [];
        const renamed: Record<string, string> = {
          'conv.0.0': 'conv1',
          'conv.0.1': 'bn1',
          'conv.1.0': 'conv2',
          'conv.1.1': 'bn2',
          'conv.2': 'conv3',
          'conv.3': 'bn3',
        };
        return ends[layer] ?? `layers.${Number(feature) - 1}.${renamed[part as string] ?? part}`;
      },
    },
  },
  shufflenetv1_g3: {
    parameters: { imagenet: 1_864_728, cifar: 914_328 },
    cifarShapes: { 'first_conv.0': [32, 32, 24], 'features.0.concat': [16, 16, 240], 'features.15.add': [4, 4, 960] },
  },
  shufflenetv1_g8: {
    parameters: { imagenet: 2_433_768, cifar: 913_128 },
    cifarShapes: { 'first_conv.0': [32, 32, 24], 'features.0.concat': [16, 16, 384], 'features.15.add': [4, 4, 1536] },
  },
  shufflenetv2: {
    parameters: { imagenet: 2_278_604, cifar: 1_263_854 },
    cifarShapes: { 'conv1.0': [32, 32, 24], 'stage2.3.concat': [16, 16, 116], 'conv5.0': [4, 4, 1024] },
  },
  fasternet_s: {
    parameters: { imagenet: 31_181_032, cifar: 29_907_082 },
    cifarShapes: { 'patch_embed.proj': [32, 32, 128], 'stages.3.blocks.1.add': [4, 4, 1024] },
  },
  convnext_tiny: {
    parameters: { imagenet: 28_589_128, cifar: 27_823_498 },
    cifarShapes: { 'features.0.0': [32, 32, 96], 'features.7.2.add': [4, 4, 768] },
  },
  mobilenetv3_small: {
    parameters: { imagenet: 2_938_368, cifar: 1_670_178 },
    cifarShapes: { 'features.0.0': [32, 32, 16], 'features.2.conv.8': [16, 16, 24], 'features.12.0': [4, 4, 576] },
  },
  mobilenetv3_large: {
    parameters: { imagenet: 5_476_416, cifar: 4_208_226 },
    cifarShapes: { 'features.2.conv.8': [32, 32, 24], 'features.4.conv.8': [16, 16, 40], 'features.16.0': [4, 4, 960] },
  },
  mobilenetv3_small_torchvision: {
    parameters: { imagenet: 2_542_856, cifar: 1_528_106 },
    cifarShapes: { 'features.0.0': [32, 32, 16], 'features.2.block.2.1': [16, 16, 24], 'features.12.0': [4, 4, 576] },
  },
  mobilenetv3_large_torchvision: {
    parameters: { imagenet: 5_483_032, cifar: 4_214_842 },
    cifarShapes: { 'features.2.block.2.1': [32, 32, 24], 'features.5.add': [16, 16, 40], 'features.16.0': [4, 4, 960] },
  },
  efficientnet_b0: {
    parameters: { imagenet: 5_288_548, cifar: 4_020_358 },
    cifarShapes: { 'features.2.1.add': [32, 32, 24], 'features.3.1.add': [16, 16, 40], 'features.8.0': [4, 4, 1280] },
  },
  resnet18: {
    parameters: { imagenet: 11_689_512, cifar: 11_173_962 },
    cifarShapes: { conv1: [32, 32, 64], 'layer1.1.relu2': [32, 32, 64], 'layer4.1.relu2': [4, 4, 512] },
    kuangliu: {
      anchor: 'cifar_resnet18',
      name: (layer) => layer.replace('downsample', 'shortcut').replace('fc', 'linear'),
    },
  },
  resnet50: {
    parameters: { imagenet: 25_557_032, cifar: 23_520_842 },
    cifarShapes: { conv1: [32, 32, 64], 'layer1.2.relu3': [32, 32, 256], 'layer4.2.relu3': [4, 4, 2048] },
  },
  densenet121: {
    parameters: { imagenet: 7_978_856, cifar: 6_956_426 },
    cifarShapes: {
      'features.conv0': [32, 32, 64],
      'features.denseblock1.denselayer6.concat': [32, 32, 256],
      'features.relu5': [4, 4, 1024],
    },
  },
  densenet169: {
    parameters: { imagenet: 14_149_480, cifar: 12_493_450 },
    cifarShapes: {
      'features.conv0': [32, 32, 64],
      'features.transition3.pool': [4, 4, 640],
      'features.relu5': [4, 4, 1664],
    },
  },
  mobilenext: {
    parameters: { imagenet: 3_535_416, cifar: 2_267_226 },
    cifarShapes: {
      'features.0.0': [32, 32, 32],
      'features.1.conv.8': [32, 32, 96],
      'features.20.conv.8': [4, 4, 1280],
    },
  },
  hbonet: {
    parameters: { imagenet: 4_562_116, cifar: 2_978_098 },
    cifarShapes: { 'features.0.0': [32, 32, 32], 'features.4.concat': [32, 32, 72], 'conv.0': [4, 4, 1600] },
  },
  resnet20_cifar: {
    parameters: { cifar: 269_722 },
    cifarShapes: { conv1: [32, 32, 16], 'layer2.0.shortcut.pad': [256, 32, 1], 'layer3.2.relu2': [8, 8, 64] },
  },
};
