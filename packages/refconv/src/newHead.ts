/** A network for other classes: a new layer of logits on the same body. */
import { headOf } from '@refconv/layers';
import type * as tf from '@tensorflow/tfjs';
import { rewrite } from './rewrite.js';
import { type Initializer, seededBy, seedOf } from './seeds.js';

/** What a layer's config calls the size of its output, by class. */
const HEADS: Record<string, 'units' | 'filters'> = { Dense: 'units', Conv2D: 'filters' };

/** What tfjs keeps of a layer and does not publish. */
interface Drawn {
  kernel: { shape: number[] };
  kernelInitializer: Initializer;
  bias: { shape: number[] } | null;
  biasInitializer: Initializer;
}

/**
 * A copy of a model for so many classes: the layer that makes the logits is drawn anew, as it was at its own beginning; all other
 * weights are the model's, which stays as it is.
 * @throws Error where the logits come of a layer that is neither Dense nor Conv2D.
 * @example
 * ```ts
 * const five = await withNewHead(model, { classes: 5, seed: 1 });
 * ```
 */
export async function withNewHead(
  model: tf.LayersModel,
  {
    classes,
    seed = 0,
  }: {
    classes: number;
    /** What the new layer's weights follow from. Default: 0. */
    seed?: number;
  },
): Promise<tf.LayersModel> {
  const head = headOf(model);
  const size = head && HEADS[head.getClassName()];
  if (!size) {
    const found = head ? `${head.name}, which is a ${head.getClassName()}` : 'no layer that has weights';
    throw new Error(
      `A new head takes the place of a Dense or Conv2D layer; the output of ${model.name} comes of ${found}.`,
    );
  }
  const { kernel, kernelInitializer, bias, biasInitializer } = head as unknown as Drawn;
  const shape = [...kernel.shape.slice(0, -1), classes];
  const { result } = await rewrite(
    model,
    (layer, config) =>
      layer === head ? { className: layer.getClassName(), config: { ...config, [size]: classes } } : undefined,
    (layer) =>
      layer === head
        ? {
            kernel: seededBy(kernelInitializer, seedOf(seed, head.name)).apply(shape),
            ...(bias && { bias: biasInitializer.apply([classes]) }),
          }
        : {},
  );
  return result;
}
