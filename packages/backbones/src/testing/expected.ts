/** What the tests expect of each network beside its oracle. */
import type { BackboneOptions } from '../backbone.js';

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
  resnet18: {
    parameters: { imagenet: 11_689_512, cifar: 11_173_962 },
    cifarShapes: { conv1: [32, 32, 64], 'layer1.1.relu2': [32, 32, 64], 'layer4.1.relu2': [4, 4, 512] },
    kuangliu: {
      anchor: 'cifar_resnet18',
      name: (layer) => layer.replace('downsample', 'shortcut').replace('fc', 'linear'),
    },
  },
  resnet20_cifar: {
    parameters: { cifar: 269_722 },
    cifarShapes: { conv1: [32, 32, 16], 'layer2.0.shortcut.pad': [256, 32, 1], 'layer3.2.relu2': [8, 8, 64] },
  },
};
