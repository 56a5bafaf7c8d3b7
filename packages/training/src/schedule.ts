/** The learning rate of each step: a linear warm-up, then a cosine. */
import type { Recipe } from './recipe.js';

export interface Schedule {
  /** Steps in all. */
  steps: number;
  /** How many of them are the warm-up. */
  warmUpSteps: number;
  warmUpStart: number;
  learningRate: number;
  finalLearningRate: number;
}

/** The schedule of a recipe, in steps. */
export function scheduleOf(recipe: Recipe, stepsPerEpoch: number): Schedule {
  const { epochs, warmUpEpochs, warmUpStart, learningRate, finalLearningRate } = recipe;
  const warmUpSteps = Math.round(warmUpEpochs * stepsPerEpoch);
  return { steps: epochs * stepsPerEpoch, warmUpSteps, warmUpStart, learningRate, finalLearningRate };
}

/**
 * The learning rate of a step, counted from 0. As PyTorch's LinearLR and then CosineAnnealingLR have it, both stepped after
 * every batch: the first step has `warmUpStart`, step `warmUpSteps` has `learningRate`, and `finalLearningRate` would be
 * that of the step after the last.
 *
 * @throws {RangeError} if the step is not an integer from 0 to `steps`.
 */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { steps, warmUpSteps, warmUpStart, learningRate, finalLearningRate } = schedule;
  if (!Number.isInteger(step) || step < 0 || step > steps) {
    throw new RangeError(`learningRateAt: the step must be an integer from 0 to ${steps}; given ${step}.`);
  }
  if (step < warmUpSteps) return warmUpStart + ((learningRate - warmUpStart) * step) / warmUpSteps;
  if (steps === warmUpSteps) return learningRate;
  const done = (step - warmUpSteps) / (steps - warmUpSteps);
  return finalLearningRate + ((learningRate - finalLearningRate) * (1 + Math.cos(Math.PI * done))) / 2;
}
