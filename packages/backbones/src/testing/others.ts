/** How the tests build networks to compare them with other implementations. */
import type { BackboneOptions } from '../backbone.js';
import { BACKBONES } from '../registry.js';

/** The options that leave dropout and stochastic depth out, where the network has them: the oracles were made so. */
export function withoutDropping(id: string): BackboneOptions {
  const dropping = ['dropout', 'stochasticDepth'] as const;
  return Object.fromEntries(
    dropping.flatMap((name) => (BACKBONES.find(id)?.options.includes(name) ? [[name, 0]] : [])),
  );
}

/** How kuangliu/pytorch-cifar's variant is reached: its anchor, our options, and its name of a layer of ours. */
export interface Kuangliu {
  anchor: string;
  options?: BackboneOptions;
  name: (layer: string) => string;
}

export const KUANGLIU: Readonly<Record<string, Kuangliu>> = {
  mobilenetv1: {
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
  mobilenetv2: {
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
  resnet18: {
    anchor: 'cifar_resnet18',
    name: (layer) => layer.replace('downsample', 'shortcut').replace('fc', 'linear'),
  },
};
