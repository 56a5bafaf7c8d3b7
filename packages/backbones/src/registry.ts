/** The networks by their ids. */

import { Registry } from '@refconv/files/registry';
import type { LayersModel } from '@tensorflow/tfjs';
import { type Backbone, type BackboneOptions, COMMON_OPTIONS } from './backbone.js';
import { CONVNEXT_TINY } from './convnext.js';
import { DENSENET121, DENSENET169 } from './densenet.js';
import { EFFICIENTNET_B0 } from './efficientnet_b0.js';
import { FASTERNET_S } from './fasternet.js';
import { HBONET } from './hbonet.js';
import { MOBILENETV1 } from './mobilenetv1.js';
import { MOBILENETV2 } from './mobilenetv2.js';
import { MOBILENETV3_LARGE, MOBILENETV3_SMALL } from './mobilenetv3.js';
import { MOBILENETV3_LARGE_TORCHVISION, MOBILENETV3_SMALL_TORCHVISION } from './mobilenetv3_torchvision.js';
import { MOBILENEXT } from './mobilenext.js';
import { RESNET18, RESNET50 } from './resnet.js';
import { RESNET20_CIFAR } from './resnet20_cifar.js';
import { SHUFFLENETV1_G3, SHUFFLENETV1_G8 } from './shufflenetv1.js';
import { SHUFFLENETV2 } from './shufflenetv2.js';

export const BACKBONES: Registry<Backbone> = new Registry<Backbone>('backbone', {
  mobilenetv1: MOBILENETV1,
  mobilenetv2: MOBILENETV2,
  mobilenetv3_small: MOBILENETV3_SMALL,
  mobilenetv3_large: MOBILENETV3_LARGE,
  mobilenetv3_small_torchvision: MOBILENETV3_SMALL_TORCHVISION,
  mobilenetv3_large_torchvision: MOBILENETV3_LARGE_TORCHVISION,
  efficientnet_b0: EFFICIENTNET_B0,
  shufflenetv1_g3: SHUFFLENETV1_G3,
  shufflenetv1_g8: SHUFFLENETV1_G8,
  shufflenetv2: SHUFFLENETV2,
  mobilenext: MOBILENEXT,
  hbonet: HBONET,
  resnet18: RESNET18,
  resnet50: RESNET50,
  densenet121: DENSENET121,
  densenet169: DENSENET169,
  resnet20_cifar: RESNET20_CIFAR,
  fasternet_s: FASTERNET_S,
  convnext_tiny: CONVNEXT_TINY,
});

/**
 * Makes a network of one's own known by its id, to `buildBackbone`, specs and the command.
 * @param backbone `build`, and what is known of the network. By default it takes `variant`, `classes`, `inputSize` and `seed`, and has one
 *   variant.
 * @throws RangeError where the id is taken.
 * @example
 * ```ts
 * registerBackbone('half', { build: (options) => mobilenetv2({ ...options, width: 0.5 }) });
 * ```
 */
export function registerBackbone(id: string, backbone: Pick<Backbone, 'build'> & Partial<Backbone>): void {
  const unknown = { family: id, reference: 'its own file', licence: 'not said', refconv: 'not said' };
  BACKBONES.register(id, { ...unknown, variants: ['imagenet'], options: COMMON_OPTIONS, published: [], ...backbone });
}

/**
 * Builds the network with this id.
 * @throws RangeError for an unknown id, which names the nearest ones, for an option that the network does not take, and for a
 * value that it refuses.
 * @example
 * ```ts
 * const model = buildBackbone('mobilenetv1', { variant: 'cifar', width: 0.25, classes: 10, seed: 1 });
 * ```
 */
export function buildBackbone(id: string, options: BackboneOptions = {}): LayersModel {
  const backbone = BACKBONES.get(id);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(backbone.options as readonly string[]).includes(name))
      throw new RangeError(`${id} takes no option '${name}'; it takes ${backbone.options.join(', ')}.`);
  }
  return backbone.build(options);
}
