/** Builds models whose initial weights nobody will read, without drawing them. */
import * as tf from '@tensorflow/tfjs';

type Layer = tf.layers.Layer;

/** Those whose values cost nothing, and mean something where weights are not overwritten. */
const CONSTANT = ['Zeros', 'Ones', 'Constant'];

/** What tfjs's types hide of a layer. */
interface Weighted {
  addWeight(name: string, shape: tf.Shape, dtype: tf.DataType, initializer: Initializer, ...rest: unknown[]): unknown;
}

type Initializer = ReturnType<typeof tf.initializers.ones>;

/**
 * Builds something whose layers start from ones where they would draw numbers, since some methods refuse kernels of zeros; constants stay.
 * Drawing is nearly all that building a network takes, and waste where weights are loaded right afterwards, or only shapes are asked
 * for. What the layers save is the same: their initialisers stay with them.
 * @param build makes the layers before it returns, or before its first `await`.
 * @param takes whether a layer's weights are left undrawn. Default: every layer's.
 * @example
 * ```ts
 * import { mobilenetv1 } from '@refconv/backbones';
 * import { loadTorchState, readWeights } from '@refconv/weights';
 * const model = withoutDrawing(() => mobilenetv1({ classes: 10 }));
 * loadTorchState(model, await readWeights('mobilenetv1.safetensors'));
 * ```
 */
export function withoutDrawing<Built>(build: () => Built, takes: (layer: Layer) => boolean = () => true): Built {
  const prototype = tf.layers.Layer.prototype as unknown as Weighted;
  const { addWeight } = prototype;
  prototype.addWeight = function (name, shape, dtype, initializer, ...rest) {
    const drawn = !CONSTANT.includes(initializer.getClassName()) && takes(this as unknown as Layer);
    return addWeight.call(this, name, shape, dtype, drawn ? tf.initializers.ones() : initializer, ...rest);
  };
  try {
    return build();
  } finally {
    prototype.addWeight = addWeight;
  }
}
