/** Which network a state_dict is of, told by its names and shapes. */

import { withoutDrawing } from '@refconv/layers';
import { fitsModel, type TorchState } from '@refconv/weights';
import type { BackboneOptions } from './backbone.js';
import { BACKBONES, buildBackbone } from './registry.js';

type Variant = NonNullable<BackboneOptions['variant']>;

/** The keys of W_r, which a network has only after `refocus`. */
export const withoutMaps = (state: TorchState): TorchState =>
  new Map([...state].filter(([key]) => !key.endsWith('.convmap.weight')));

/** What a layer's name has before it in the state's keys; undefined where the layer is not there. */
function prefixOf(layer: string, state: TorchState): string | undefined {
  const end = `${layer}.weight`;
  const key = [...state.keys()].find((key) => key === end || key.endsWith(`.${end}`));
  return key?.slice(0, -end.length);
}

/**
 * How many classes a state_dict of a network has; undefined where it lacks the layer of the logits.
 * @example
 * ```ts
 * import { readWeights } from '@refconv/weights';
 * classesOf('mobilenetv1', await readWeights('theirs.pth')); // such as 10
 * ```
 */
export function classesOf(id: string, state: TorchState): number | undefined {
  const signature = BACKBONES.find(id)?.signature;
  // Of a network of a user's own: the last matrix.
  if (!signature) return [...state.values()].findLast(({ shape }) => shape.length === 2)?.shape[0];
  const { stem, head } = signature;
  return state.get(`${prefixOf(stem, state)}${head}.weight`)?.shape[0];
}

/**
 * The networks whose names a state_dict has.
 * @example
 * ```ts
 * import { readWeights } from '@refconv/weights';
 * fittingBackbones(await readWeights('theirs.pth')); // such as ['mobilenetv1']
 * ```
 */
export function fittingBackbones(state: TorchState): string[] {
  const plain = withoutMaps(state);
  const weights = [...plain.values()].filter(({ shape }) => shape.length > 0).length;
  return BACKBONES.entries().flatMap(([id, { signature }]) => {
    if (!signature) return [];
    const { tensors, stem, head } = signature;
    const prefix = prefixOf(stem, plain);
    return tensors.includes(weights) && prefix !== undefined && plain.has(`${prefix}${head}.weight`) ? [id] : [];
  });
}

/**
 * The variants of a network whose shapes a state_dict has, classes aside.
 * @example
 * ```ts
 * import { readWeights } from '@refconv/weights';
 * fittingVariants('resnet18', await readWeights('theirs.pth')); // such as ['cifar']
 * ```
 */
export function fittingVariants(
  id: string,
  state: TorchState,
  options: Omit<BackboneOptions, 'variant'> = {},
): Variant[] {
  const plain = withoutMaps(state);
  return (BACKBONES.find(id)?.variants ?? []).filter((variant) => {
    const model = withoutDrawing(() => buildBackbone(id, { ...options, variant }));
    const fits = fitsModel(model, plain);
    model.dispose();
    return fits;
  });
}
