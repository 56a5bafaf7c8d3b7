/** An optimiser of a model's weights: gradients in, weights changed in place; what it keeps is by name, for checkpoints. */

import { variablesOf } from '@refconv/layers';
import { applySubtract, globalNorm, tf, zerosOf } from '@refconv/tensorflow';
import type { LayersModel, NamedTensorMap, Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { averagedWeights } from '../ema.js';
import type { Recipe } from '../recipe.js';
import { weightNames } from '../tensors.js';
import { type OptimiserChoice, optimiserOptions } from './choice.js';
import { type GroupOptions, weightSettings } from './groups.js';
import { makerOf } from './kinds.js';

export type OptimiserSettings = GroupOptions &
  Pick<Recipe, 'momentum' | 'nesterov' | 'optimiser' | 'clipNorm' | 'accumulate' | 'averaging'>;

const SGD: OptimiserChoice = { id: 'sgd' };

/** Against a division by zero, as torch.nn.utils.clip_grad_norm_ has it. */
const SMALL = 1e-6;

/**
 * The optimiser of a recipe, for a model's trainable weights. `update`, `accumulate`, `apply` and `exchange` are parts of a compiled function.
 *
 * - `update(gradients, learningRate)`: one step.
 * - `accumulate(gradients, share)`: adds a share of gradients to those that `apply(learningRate)` makes a step with.
 * - `exchange()`: weights and their averages change places, where the recipe averages.
 * - `state`: every variable that it keeps, by its name in a checkpoint.
 * - `slots`: of these the ones of each weight, by the slot's name and in the order of the model's trainable weights.
 *
 * @throws RangeError where the recipe names an optimiser that there is none of, or as `weightSettings`.
 * @example
 * ```ts
 * const optimiser = optimiserOf(model, PAPER_RECIPE);
 * optimiser.dispose();
 * ```
 */
export function optimiserOf(model: LayersModel, recipe: OptimiserSettings) {
  const { optimiser = SGD, clipNorm, accumulate = 1, averaging } = recipe;
  const kind = makerOf(optimiser.id)(optimiserOptions(optimiser), recipe);
  const weights = variablesOf(model.trainableWeights);
  const settings = weightSettings(model, recipe);
  const names = weightNames(model);
  const like = (value: number) =>
    tf.tidy(() => weights.map((weight) => tf.variable(tf.fill(weight.shape, value), false)));
  const slots = Object.fromEntries(Object.entries(kind.slots).map(([slot, value]) => [slot, like(value)]));
  const sums = accumulate > 1 ? like(0) : [];
  const average = averaging && averagedWeights(model, averaging);
  const counter = kind.counts ? tf.tidy(() => tf.variable(tf.scalar(0, 'int32'), false)) : undefined;

  const state = new Map<string, Variable>();
  for (const [slot, variables] of [...Object.entries(slots), ['accumulated', sums] as const])
    variables.forEach((variable, i) => {
      state.set(`${slot}/${names.get(weights[i] as Variable)}`, variable);
    });
  if (counter) state.set('updates', counter);
  for (const [name, variable] of average?.state ?? []) state.set(name, variable);

  const change = (given: readonly Tensor[], learningRate: Scalar): void => {
    if (counter) counter.assign(tf.add(counter, tf.scalar(1, 'int32')) as never);
    const count = counter && (tf.cast(counter, 'float32') as Scalar);
    const gradients = clipNorm === undefined ? given : clipped(given, clipNorm);
    const step = kind.step(count);
    const rates = new Map<number, Scalar>();
    weights.forEach((weight, i) => {
      const { rate, weightDecay } = settings[i] as (typeof settings)[number];
      const own = rate === undefined ? learningRate : (rates.get(rate) ?? (tf.mul(learningRate, rate) as Scalar));
      if (rate !== undefined) rates.set(rate, own);
      const slot = (name: string) => slots[name]?.[i] as Variable;
      step({ weight, gradient: gradients[i] as Tensor, slot, learningRate: own, weightDecay });
    });
    average?.update();
  };
  const inOrder = (gradients: NamedTensorMap) => weights.map(({ name }) => gradients[name] as Tensor);
  return {
    state: state as ReadonlyMap<string, Variable>,
    slots: slots as Readonly<Record<string, readonly Variable[]>>,
    averages: average !== undefined,
    update: (gradients: NamedTensorMap, learningRate: Scalar) => change(inOrder(gradients), learningRate),
    accumulate(gradients: NamedTensorMap, share: Scalar): void {
      const factor = tf.neg(share) as Scalar;
      inOrder(gradients).forEach((gradient, i) => {
        applySubtract(sums[i] as Variable, gradient, factor);
      });
    },
    apply(learningRate: Scalar): void {
      change(sums, learningRate);
      for (const sum of sums) sum.assign(zerosOf(sum) as never);
    },
    exchange: () => average?.exchange(),
    /** Sets the slots to what they start with. */
    reset(): void {
      tf.tidy(() => {
        for (const [slot, value] of Object.entries(kind.slots))
          for (const variable of slots[slot] ?? []) variable.assign(tf.fill(variable.shape, value) as never);
        counter?.assign(tf.scalar(0, 'int32') as never);
      });
    },
    dispose(): void {
      tf.dispose([...Object.values(slots).flat(), ...sums]);
      counter?.dispose();
      average?.dispose();
    },
  };
}

export type Optimiser = ReturnType<typeof optimiserOf>;

/** Gradients whose norm over all weights together is at most `largest`. */
function clipped(gradients: readonly Tensor[], largest: number): Tensor[] {
  const factor = tf.minimum(tf.div(largest, tf.add(globalNorm(gradients), SMALL)), 1);
  return gradients.map((gradient) => tf.mul(gradient, factor));
}
