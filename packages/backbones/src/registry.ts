/** The networks by their ids. */
import type { LayersModel } from '@tensorflow/tfjs';
import { type MobileNetV1Options, mobilenetv1 } from './mobilenetv1.js';
import { type MobileNetV2Options, mobilenetv2 } from './mobilenetv2.js';
import { type ResNet18Options, resnet18 } from './resnet18.js';
import { resnet20Cifar } from './resnet20_cifar.js';

/** What any of the networks can be told; each takes some of it (see {@link Backbone.options}). */
export type BackboneOptions = MobileNetV1Options & MobileNetV2Options & ResNet18Options;

export interface Backbone {
  /** Images [n, size, size, 3] to logits [n, classes]. */
  build: (options?: BackboneOptions) => LayersModel;
  family: string;
  /** The implementation that layer names and function follow. */
  reference: string;
  /** The reference's licence (SPDX). */
  licence: string;
  /** The variants, the default first. */
  variants: readonly string[];
  /** The options that this network takes. */
  options: readonly (keyof BackboneOptions)[];
}

const COMMON = ['variant', 'classes', 'inputSize', 'seed'] as const;
const BOTH = ['imagenet', 'cifar'] as const;

export const BACKBONES: Readonly<Record<string, Backbone>> = {
  mobilenetv1: {
    build: mobilenetv1,
    family: 'MobileNetV1',
    reference: 'timm 1.0 mobilenetv1_100',
    licence: 'Apache-2.0',
    variants: BOTH,
    options: [...COMMON, 'width', 'activation'],
  },
  mobilenetv2: {
    build: mobilenetv2,
    family: 'MobileNetV2',
    reference: 'torchvision mobilenet_v2',
    licence: 'BSD-3-Clause',
    variants: BOTH,
    options: [...COMMON, 'width', 'activation', 'dropout'],
  },
  resnet18: {
    build: resnet18,
    family: 'ResNet',
    reference: 'torchvision resnet18',
    licence: 'BSD-3-Clause',
    variants: BOTH,
    options: COMMON,
  },
  resnet20_cifar: {
    build: (options) => resnet20Cifar(options as Parameters<typeof resnet20Cifar>[0]),
    family: 'ResNet',
    reference: 'akamaster/pytorch_resnet_cifar10 resnet20',
    licence: 'BSD-2-Clause',
    variants: ['cifar'],
    options: COMMON,
  },
};

/**
 * Builds the network with this id.
 * @throws RangeError for an unknown id, which names the nearest ones, for an option that the network does not take, and for a
 * value that it refuses.
 */
export function buildBackbone(id: string, options: BackboneOptions = {}): LayersModel {
  const backbone = Object.hasOwn(BACKBONES, id) ? BACKBONES[id] : undefined;
  if (!backbone) throw new RangeError(`There is no backbone '${id}'. ${suggestion(id)}`);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(backbone.options as readonly string[]).includes(name))
      throw new RangeError(`${id} takes no option '${name}'; it takes ${backbone.options.join(', ')}.`);
  }
  return backbone.build(options);
}

function suggestion(id: string): string {
  const ids = Object.keys(BACKBONES);
  const distances = ids.map((known) => editDistance(id.toLowerCase(), known));
  const nearest = Math.min(...distances);
  if (nearest > Math.max(2, id.length / 3)) return `There are: ${ids.join(', ')}.`;
  return `Did you mean ${ids.filter((_, i) => distances[i] === nearest).join(' or ')}?`;
}

/** The number of letters to insert, delete or replace to make one text of the other (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
