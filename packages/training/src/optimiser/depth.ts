/** How deep a layer is in its network, in stages and blocks, for learning rates that fall towards the input. */
import type { LayersModel } from '@tensorflow/tfjs';

/**
 * The name up to its first number: `blocks.3` of `blocks.3.0.conv_dw`, as timm groups blocks; undefined of a name without a number
 * or without parts.
 */
function blockOf(name: string): string | undefined {
  const parts = name.split('.');
  const numbered = parts.findIndex((part) => /\d+$/.test(part));
  return parts.length > 1 && numbered >= 0 ? parts.slice(0, numbered + 1).join('.') : undefined;
}

export interface Depths {
  /** Of a weight, by its name `layer/kernel`: 0 is at the input. */
  depthOf(weight: string): number;
  /** The head's. */
  deepest: number;
}

/**
 * Blocks in the order in which the network has them: the stem is 0, every numbered block is one, and the last layer, the head, is by itself.
 * Of networks whose layers' names have no parts every kernel begins a block, and what follows it belongs to it.
 */
export function layerDepths(model: LayersModel): Depths {
  const depths = new Map<string, number>();
  const blocks = new Map<string, number>();
  let deepest = -1;
  const layers = model.layers.filter(({ weights }) => weights.length > 0);
  const head = layers.at(-1);
  for (const layer of layers) {
    const { name } = layer;
    const block = blockOf(name);
    const known = block === undefined ? undefined : blocks.get(block);
    const opens = layer === head || block !== undefined || layer.weights.some(({ shape }) => shape.length > 1);
    if (known !== undefined && layer !== head) depths.set(name, known);
    else if (opens || deepest < 0) depths.set(name, ++deepest);
    else depths.set(name, deepest);
    if (block !== undefined && known === undefined) blocks.set(block, deepest);
  }
  const depthOf = (weight: string) => {
    for (let at = weight.lastIndexOf('/'); at > 0; at = weight.lastIndexOf('/', at - 1)) {
      const depth = depths.get(weight.slice(0, at));
      if (depth !== undefined) return depth;
    }
    return deepest;
  };
  return { depthOf, deepest };
}
