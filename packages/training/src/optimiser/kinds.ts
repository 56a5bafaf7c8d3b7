/** What each optimiser does to a weight, within the compiled step. */
import { applyAdam, applyDecay, applyMomentum, applyRmsProp, decayedGradient, tf } from '@refconv/tensorflow';
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import type { Recipe } from '../recipe.js';
import { OPTIMISERS, type OptimiserFacts } from './choice.js';

/** One weight at one step. */
export interface WeightUpdate {
  weight: Variable;
  gradient: Tensor;
  /** What is kept of it, by the names of the kind's `slots`. */
  slot(name: string): Variable;
  learningRate: Scalar;
  weightDecay: number;
}

/** An optimiser with its options. */
export interface OptimiserKind {
  /** What is kept of each weight, in its shape, and the value that it starts with. */
  slots: Readonly<Record<string, number>>;
  /**
   * Called once a step, within the compiled function: what it returns changes one weight and its slots by `assign` or by the updates of
   * packages/tensorflow.
   * @param count of the updates, this one included: float32, from 1. Only of kinds with `counts`.
   */
  step(count: Scalar | undefined): (update: WeightUpdate) => void;
  /** Whether it needs to know the number of updates. */
  counts?: boolean;
}

/** Makes a kind of its options, which are complete and checked. */
export type MakeOptimiser = (
  options: Readonly<Record<string, number | boolean>>,
  recipe: Pick<Recipe, 'momentum' | 'nesterov'>,
) => OptimiserKind;

/** Options that are numbers, by their names. */
function numbers<Name extends string>(
  options: Readonly<Record<string, number | boolean>>,
  ...names: Name[]
): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, options[name]])) as Record<Name, number>;
}

/** 1 − β^count of the β that float32 has, without what float32 loses where β is near 1. */
const correction = (beta: number, count: Scalar): Scalar =>
  tf.neg(tf.expm1(tf.mul(count, Math.log(Math.fround(beta))))) as Scalar;

/** What depends on the learning rate alone is computed once for all weights of the same rate. */
function perRate<T>(of: (learningRate: Scalar) => T): (learningRate: Scalar) => T {
  const known = new Map<Scalar, T>();
  return (learningRate) => {
    const found = known.get(learningRate) ?? of(learningRate);
    known.set(learningRate, found);
    return found;
  };
}

const sgd: MakeOptimiser = (_, { momentum, nesterov = false }) => ({
  slots: { momentum: 0 },
  step:
    () =>
    ({ weight, gradient, slot, learningRate, weightDecay }) =>
      applyMomentum({
        variable: weight,
        accumulator: slot('momentum'),
        ...{ gradient, learningRate, weightDecay, nesterov },
        momentum: tf.scalar(momentum),
      }),
});

/** @param decoupled whether weight decay stays out of the moments. */
const adam =
  (decoupled: boolean): MakeOptimiser =>
  (options) => ({
    slots: { firstMoment: 0, secondMoment: 0 },
    counts: true,
    step(count) {
      const { beta1, beta2, epsilon } = numbers(options, 'beta1', 'beta2', 'epsilon');
      const root = tf.sqrt(correctionOf(beta2, count)) as Scalar;
      const shared = {
        ...{ beta1: tf.scalar(beta1), beta2: tf.scalar(beta2) },
        // m̂ / (√v̂ + ε) = √c₂ / c₁ · m / (√v + ε √c₂), with the corrections c₁ and c₂.
        epsilon: tf.mul(root, epsilon) as Scalar,
      };
      const ratio = tf.div(root, correctionOf(beta1, count)) as Scalar;
      const rateOf = perRate((learningRate) => tf.mul(learningRate, ratio) as Scalar);
      return ({ weight, gradient, slot, learningRate, weightDecay }) => {
        const [firstMoment, secondMoment] = [slot('firstMoment'), slot('secondMoment')];
        if (decoupled && weightDecay !== 0) applyDecay(weight, gradient, tf.mul(learningRate, weightDecay) as Scalar);
        applyAdam({
          ...{ variable: weight, firstMoment, secondMoment, ...shared },
          gradient: decoupled ? gradient : decayedGradient(gradient, weight, weightDecay),
          learningRate: rateOf(learningRate),
        });
      };
    },
  });

/** Of β = 0 nothing is to be corrected. */
const correctionOf = (beta: number, count: Scalar | undefined) =>
  beta === 0 ? tf.scalar(1) : correction(beta, count as Scalar);

const rmsprop: MakeOptimiser = (options, { momentum }) => ({
  slots: { meanSquare: 0, momentum: 0 },
  step() {
    const { decay, epsilon } = numbers(options, 'decay', 'epsilon');
    return ({ weight, gradient, slot, learningRate, weightDecay }) => {
      const [meanSquare, accumulator] = [slot('meanSquare'), slot('momentum')];
      const slope = decayedGradient(gradient, weight, weightDecay);
      meanSquare.assign(tf.add(tf.mul(meanSquare, decay), tf.mul(tf.square(slope), 1 - decay)) as never);
      const scaled = tf.div(slope, tf.add(tf.sqrt(meanSquare), epsilon));
      applyMomentum({
        ...{ variable: weight, accumulator, gradient: scaled, learningRate },
        momentum: tf.scalar(momentum),
      });
    };
  },
});

const rmspropTf: MakeOptimiser = (options, { momentum }) => ({
  slots: { meanSquare: 1, momentum: 0 },
  step() {
    const { decay, epsilon } = numbers(options, 'decay', 'epsilon');
    const shared = { decay: tf.scalar(decay), epsilon: tf.scalar(epsilon), momentum: tf.scalar(momentum) };
    return ({ weight, gradient, slot, learningRate, weightDecay }) =>
      applyRmsProp({
        ...{ variable: weight, learningRate, ...shared },
        meanSquare: slot('meanSquare'),
        accumulator: slot('momentum'),
        gradient: decayedGradient(gradient, weight, weightDecay),
      });
  },
});

const lamb: MakeOptimiser = (options) => ({
  slots: { firstMoment: 0, secondMoment: 0 },
  counts: true,
  step(count) {
    const { beta1, beta2, epsilon } = numbers(options, 'beta1', 'beta2', 'epsilon');
    const [first, root] = [correctionOf(beta1, count), tf.sqrt(correctionOf(beta2, count))];
    return ({ weight, gradient, slot, learningRate, weightDecay }) => {
      const [firstMoment, secondMoment] = [slot('firstMoment'), slot('secondMoment')];
      firstMoment.assign(tf.add(tf.mul(firstMoment, beta1), tf.mul(gradient, 1 - beta1)) as never);
      secondMoment.assign(tf.add(tf.mul(secondMoment, beta2), tf.mul(tf.square(gradient), 1 - beta2)) as never);
      const slope = tf.div(tf.div(firstMoment, first), tf.add(tf.div(tf.sqrt(secondMoment), root), epsilon));
      const step = decayedGradient(slope, weight, weightDecay);
      const adapted = weightDecay !== 0 || options.alwaysAdapt === true;
      const rate = adapted ? tf.mul(learningRate, trustRatio(weight, step, options.trustClip === true)) : learningRate;
      weight.assign(tf.sub(weight, tf.mul(step, rate)) as never);
    };
  },
});

/** ‖weight‖ / ‖step‖; 1 where either is zero. */
function trustRatio(weight: Variable, step: Tensor, clip: boolean): Tensor {
  const [length, moved] = [tf.norm(weight), tf.norm(step)];
  const positive = tf.logicalAnd(tf.greater(length, 0), tf.greater(moved, 0));
  const ratio = tf.where(positive, tf.divNoNan(length, moved), tf.onesLike(length));
  return clip ? tf.minimum(ratio, 1) : ratio;
}

const KINDS: Record<string, MakeOptimiser> = {
  sgd,
  adam: adam(false),
  adamw: adam(true),
  rmsprop,
  'rmsprop-tf': rmspropTf,
  lamb,
};

/**
 * Makes an optimiser of one's own known by its name, to recipes, specs and the command.
 * @throws Error where the name is taken.
 * @example
 * ```ts
 * registerOptimiser('sign', { about: 'the sign of the gradient', options: {} }, () => ({
 *   slots: {},
 *   step: () => ({ weight, gradient, learningRate }) => weight.assign(tf.sub(weight, tf.mul(tf.sign(gradient), learningRate))),
 * }));
 * ```
 */
export function registerOptimiser(id: string, facts: OptimiserFacts, make: MakeOptimiser): void {
  OPTIMISERS.register(id, facts);
  KINDS[id] = make;
}

/** @throws RangeError where there is none of the name. */
export function makerOf(id: string): MakeOptimiser {
  OPTIMISERS.get(id);
  return KINDS[id] as MakeOptimiser;
}
