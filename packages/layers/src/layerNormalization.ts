/** Layer normalisation over the channels without the copies that tf.layers makes of its statistics. */
import * as tf from '@tensorflow/tfjs';

type StockArgs = NonNullable<Parameters<typeof tf.layers.layerNormalization>[0]>;

interface StockLayer extends tf.layers.Layer {
  /** A list once the layer is built. */
  axis: number | number[];
  epsilon: number;
  gamma: { read(): tf.Tensor } | null;
  beta: { read(): tf.Tensor } | null;
}

/** tfjs does not export its layer's class, but makes instances of it. */
const Stock = Object.getPrototypeOf(tf.layers.layerNormalization({ name: 'stock' })).constructor as (new (
  args?: StockArgs,
) => StockLayer) &
  tf.serialization.SerializableConstructor<StockLayer>;

/**
 * tf.layers' layer normalisation, faster over the last axis: the stock layer tiles mean, variance, scale and offset to the size of
 * the images. It saves under tf.layers' class name, so a saved model loads without this package.
 */
export class LayerNormalization extends Stock {
  static override className = 'LayerNormalization';

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor | tf.Tensor[] {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    const axes = Array.isArray(this.axis) ? this.axis : [this.axis];
    if (axes.length !== 1 || axes[0] !== x.rank - 1) return super.call(inputs, kwargs);
    return tf.tidy(() => {
      const { epsilon, gamma, beta } = this;
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const variance = tf.mean(tf.square(centred), -1, true);
      let y = tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon)));
      if (gamma) y = tf.mul(y, gamma.read());
      return beta ? tf.add(y, beta.read()) : y;
    });
  }
}

tf.serialization.registerClass(LayerNormalization);
