/**
 * Random numbers without hidden state: the same seed gives the same numbers, and a compiled function can draw new ones at each
 * call, by a seed that is an argument or a variable that it counts up.
 */
import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { attribute, operation } from './operation.js';

/** Two int32 numbers: say, [a number for the place of the draw, the step]. */
export type Seed = Tensor1D;

function draw(type: string, shape: number[], seed: Seed): Tensor {
  if (seed.dtype !== 'int32' || seed.size !== 2 || seed.rank !== 1) {
    throw new Error(`A seed must be int32 of shape [2]; given ${seed.dtype} of shape [${seed.shape}].`);
  }
  const attributes = [attribute.typeNumber('dtype', 1), attribute.typeNumber('T', 3), attribute.typeNumber('Tseed', 3)];
  return operation(type, [tf.tensor1d(shape, 'int32'), seed], attributes);
}

/**
 * Uniform numbers in [low, high), float32.
 * @example
 * ```ts
 * const x = statelessUniform([2, 3], tf.tensor1d([1, 17], 'int32'), -1, 1);
 * ```
 */
export function statelessUniform(shape: number[], seed: Seed, low = 0, high = 1): Tensor {
  return tf.tidy(() => {
    const unit = draw('StatelessRandomUniform', shape, seed);
    return low === 0 && high === 1 ? unit : tf.add(tf.mul(unit, high - low), low);
  });
}

/**
 * Normal numbers, float32.
 * @example
 * ```ts
 * const x = statelessNormal([2, 3], tf.tensor1d([1, 17], 'int32'));
 * ```
 */
export function statelessNormal(shape: number[], seed: Seed, mean = 0, deviation = 1): Tensor {
  return tf.tidy(() => {
    const unit = draw('StatelessRandomNormal', shape, seed);
    return mean === 0 && deviation === 1 ? unit : tf.add(tf.mul(unit, deviation), mean);
  });
}

/**
 * Dropout: each element is zeroed with probability `rate`, the others are divided by 1 − rate.
 * @param noiseShape the mask's shape, which must broadcast to that of `x`: [n, 1, 1, 1] drops whole images. Default: that of `x`.
 * @throws where the rate is not within [0, 1).
 * @example
 * ```ts
 * const y = statelessDropout(images, 0.2, tf.tensor1d([1, 17], 'int32')); // the same seed drops the same pixels
 * ```
 */
export function statelessDropout(x: Tensor, rate: number, seed: Seed, noiseShape: number[] = x.shape): Tensor {
  if (!(rate >= 0 && rate < 1)) throw new Error(`A dropout rate must be at least 0 and less than 1; given ${rate}.`);
  if (rate === 0) return tf.clone(x);
  return tf.tidy(() => {
    const keep = tf.cast(tf.greaterEqual(statelessUniform(noiseShape, seed), rate), 'float32');
    return tf.mul(x, tf.mul(keep, 1 / (1 - rate)));
  });
}

/** The seed of the layers that draw numbers while `withRandomSeed` runs, and how many draws there have been. */
let scope: { seed: Seed; draws: number } | undefined;

/**
 * Runs a function in which tf.layers' Dropout (stochastic depth too: `noiseShape: [null, 1, 1, 1]`) draws by this seed instead of
 * tfjs's generator: the same seed gives the same masks, another seed others. In a compiled function the seed must be an argument,
 * say [the run's seed, the step], so that each call has masks of its own.
 * @param seed int32 of shape [2].
 * @example
 * ```ts
 * const seed = tf.tensor1d([1, 17], 'int32');
 * const logits = withRandomSeed(seed, () => model.apply(images, { training: true }));
 * ```
 */
export function withRandomSeed<T>(seed: Seed, f: () => T): T {
  const outer = scope;
  scope = { seed, draws: 0 };
  try {
    return f();
  } finally {
    scope = outer;
  }
}

/** A seed for the next draw within `withRandomSeed`, another one at each call; undefined outside. */
export function nextSeed(): Seed | undefined {
  if (!scope) return undefined;
  // Steps of the golden ratio, so that seeds that follow each other never meet.
  const place = Math.imul(++scope.draws, 0x9e3779b1);
  return tf.add(scope.seed, tf.tensor1d([place, 0], 'int32'));
}
