/** An exponential moving average of a model's weights, beside them. */
import { applyAverage, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Variable } from '@tensorflow/tfjs';
import type { Averaging } from './recipeParts.js';
import { weightNames } from './tensors.js';

/** timm's: gamma 1, power 2/3. */
const POWER = 2 / 3;

/**
 * Averages of all weights of a model, those of batch norms' statistics too, as timm's ModelEmaV3 has them: the first update copies the weights.
 * `state` by the names that a checkpoint has them under. `update` and `exchange` are for a compiled function.
 */
export function averagedWeights(model: LayersModel, { decay, warmUp = false }: Averaging) {
  const names = weightNames(model);
  const averages = new Map([...names.keys()].map((weight) => [weight, tf.variable(weight, false)]));
  const counter = tf.tidy(() => tf.variable(tf.scalar(0, 'int32'), false));
  const state = new Map([...averages].map(([weight, average]) => [`averaged/${names.get(weight)}`, average]));
  state.set('averages', counter);
  return {
    state: state as ReadonlyMap<string, Variable>,
    update(): void {
      const before = tf.cast(counter, 'float32');
      counter.assign(tf.add(counter, tf.scalar(1, 'int32')) as never);
      const grown = tf.pow(tf.add(1, before), -POWER) as Scalar;
      // The part of the weights that enters the average.
      const usual = warmUp ? tf.maximum(grown, 1 - decay) : tf.scalar(1 - decay);
      const share = tf.where(tf.greater(before, 0), usual, tf.onesLike(usual)) as Scalar;
      for (const [weight, average] of averages) applyAverage(average, weight, share);
    },
    /** The weights become the averages, and these the weights: called a second time, it takes that back. */
    exchange(): void {
      for (const [weight, average] of averages) {
        const kept = weight.clone();
        weight.assign(average as never);
        average.assign(kept as never);
      }
    },
    dispose: () => tf.dispose([counter, ...averages.values()]),
  };
}
