/** Weights under the names that other implementations of a network give them. */
import type { TorchState, TorchTensor } from '@refconv/weights';
import { withoutMaps } from './fitting.js';
import { BACKBONES } from './registry.js';

/**
 * The state under the names of here, where all its names are those of another implementation of one of the networks
 * ({@link Backbone.renamings}); else as it is.
 * @example
 * ```ts
 * import { loadTorchState, readWeights } from '@refconv/weights';
 * loadTorchState(resnet18(), ownNames(await readWeights('theirs.pth')));
 * ```
 */
export function ownNames(state: TorchState): TorchState {
  const tensors = [...withoutMaps(state).values()].filter(({ shape }) => shape.length > 0).length;
  for (const [, { signature, renamings = [] }] of BACKBONES.entries()) {
    if (!signature?.tensors.includes(tensors)) continue;
    for (const renaming of renamings) {
      const renamed = underOwnNames(state, renaming);
      if (renamed) return renamed;
    }
  }
  return state;
}

/** Counters have no place in a network, whatever they are called. */
const isCounter = (key: string, { shape }: TorchTensor) => shape.length === 0 && key.endsWith('num_batches_tracked');

function underOwnNames(state: TorchState, ownName: (key: string) => string | undefined): TorchState | undefined {
  const renamed: TorchState = new Map();
  for (const [key, tensor] of state) {
    if (isCounter(key, tensor)) continue;
    const own = ownName(key);
    if (own === undefined) return undefined;
    renamed.set(own, own.endsWith('.layer_scale') ? { ...tensor, shape: [tensor.data.length, 1, 1] } : tensor);
  }
  return renamed;
}
