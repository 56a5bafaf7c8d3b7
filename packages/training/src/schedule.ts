/** The learning rate of each step: a linear warm-up, then a cosine or what else the recipe says. */
import type { Recipe } from './recipe.js';
import type { ScheduleChoice } from './scheduleChoice.js';

export interface Schedule {
  /** Steps in all. */
  steps: number;
  /** How many of them are the warm-up. */
  warmUpSteps: number;
  warmUpStart: number;
  learningRate: number;
  finalLearningRate: number;
  stepsPerEpoch: number;
  /** Left out: a cosine. */
  shape?: ScheduleChoice;
}

/**
 * The schedule of a recipe, in steps.
 * @example
 * ```ts
 * const { steps, warmUpSteps } = scheduleOf(PAPER_RECIPE, 390); // of 390 steps an epoch
 * ```
 */
export function scheduleOf(recipe: Recipe, stepsPerEpoch: number): Schedule {
  const { epochs, warmUpEpochs, warmUpStart, learningRate, finalLearningRate, schedule } = recipe;
  const warmUpSteps = Math.round(warmUpEpochs * stepsPerEpoch);
  const numbers = { warmUpStart, learningRate, finalLearningRate };
  return {
    ...{ steps: epochs * stepsPerEpoch, warmUpSteps, ...numbers, stepsPerEpoch },
    ...(schedule && { shape: schedule }),
  };
}

const COSINE: ScheduleChoice = { id: 'cosine' };

/**
 * The learning rate of a step, counted from 0. As PyTorch's LinearLR and then CosineAnnealingLR have it, both stepped after
 * every batch: the first step has `warmUpStart`, step `warmUpSteps` has `learningRate`, and `finalLearningRate` would be
 * that of the step after the last.
 *
 * @param losses of the epochs that are finished, for a plateau.
 * @throws {RangeError} if the step is not an integer from 0 to `steps`.
 * @example
 * ```ts
 * const schedule = scheduleOf(PAPER_RECIPE, 390);
 * const rates = Array.from({ length: schedule.steps }, (_, step) => learningRateAt(step, schedule));
 * ```
 */
export function learningRateAt(step: number, schedule: Schedule, losses: readonly number[] = []): number {
  const { steps, warmUpSteps, warmUpStart, learningRate, stepsPerEpoch, shape = COSINE } = schedule;
  if (!Number.isInteger(step) || step < 0 || step > steps) {
    throw new RangeError(`learningRateAt: the step must be an integer from 0 to ${steps}; given ${step}.`);
  }
  const at = shape.perEpoch ? step - (step % stepsPerEpoch) : step;
  if (at < warmUpSteps) return warmUpStart + ((learningRate - warmUpStart) * at) / warmUpSteps;
  const before = shape.countWarmUp ? 0 : warmUpSteps;
  if (steps === before) return learningRate;
  return rateAfterWarmUp(at - before, steps - before, schedule, shape, losses);
}

/** @param t of `total` steps. */
function rateAfterWarmUp(
  t: number,
  total: number,
  { learningRate, finalLearningRate, stepsPerEpoch, warmUpSteps }: Schedule,
  shape: ScheduleChoice,
  losses: readonly number[],
): number {
  const done = t / total;
  switch (shape.id) {
    case 'constant':
      return learningRate;
    case 'step':
      return learningRate * shape.factor ** Math.floor(t / (shape.every * stepsPerEpoch));
    case 'milestones':
      return learningRate * shape.factor ** shape.epochs.filter((epoch) => epoch * stepsPerEpoch <= t).length;
    case 'polynomial':
      return finalLearningRate + (learningRate - finalLearningRate) * (1 - done) ** (shape.power ?? 0.5);
    case 'one-cycle':
      return oneCycle(t, total, learningRate, shape);
    case 'plateau': {
      const measured = losses.slice(Math.ceil(warmUpSteps / stepsPerEpoch));
      return Math.min(
        learningRate,
        Math.max(finalLearningRate, plateau(measured, learningRate, finalLearningRate, shape)),
      );
    }
    case 'cosine':
      return finalLearningRate + ((learningRate - finalLearningRate) * (1 + Math.cos(Math.PI * done))) / 2;
  }
}

/** From `from` to `to` along half a cosine. */
const alongCosine = (from: number, to: number, done: number) => to + ((from - to) * (1 + Math.cos(Math.PI * done))) / 2;

function oneCycle(
  t: number,
  total: number,
  highest: number,
  { rise = 0.3, start = 25, end = 1e4 }: Extract<ScheduleChoice, { id: 'one-cycle' }>,
): number {
  const top = rise * total - 1;
  const first = highest / start;
  if (t <= top) return alongCosine(first, highest, t / top);
  return alongCosine(highest, first / end, Math.min(1, (t - top) / (total - 1 - top)));
}

/** As torch.optim.lr_scheduler.ReduceLROnPlateau, which is told the losses one after another. */
function plateau(
  losses: readonly number[],
  highest: number,
  lowest: number,
  { factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0 }: Extract<ScheduleChoice, { id: 'plateau' }>,
): number {
  let [rate, best, bad, waiting] = [highest, Number.POSITIVE_INFINITY, 0, 0];
  for (const loss of losses) {
    const better = loss < best * (1 - threshold);
    if (better) best = loss;
    bad = better ? 0 : bad + 1;
    if (waiting > 0) [waiting, bad] = [waiting - 1, 0];
    if (bad <= patience) continue;
    rate = Math.max(rate * factor, lowest);
    [waiting, bad] = [cooldown, 0];
  }
  return rate;
}
