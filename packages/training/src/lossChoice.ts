/** Which losses there are, as plain values. */
import type { Expect } from './recipeParts.js';

export type LossChoice =
  | { id: 'cross-entropy' }
  /**
   * Each class by itself, as images with several labels need and mixed ones may have: the mean over images and classes. `threshold`: targets above it
   * count as 1, the others as 0. `sumClasses`: the sum over the classes, and the mean over images. As timm's BinaryCrossEntropy.
   */
  | { id: 'binary-cross-entropy'; threshold?: number; sumClasses?: boolean };

/** Learning from what another network makes of the same images: Hinton et al., arXiv 1503.02531. */
export interface Distillation {
  /** Of the teacher's part; the labels' has the rest. From above 0 to 1. */
  weight: number;
  /** T, which both networks' logits are divided by; the teacher's part counts T² times. Default: 1. */
  temperature?: number;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

export function checkLoss(loss: unknown, expect: Expect): void {
  if (loss === undefined) return;
  const { id, ...given } = (typeof loss === 'object' && loss !== null ? loss : {}) as Record<string, unknown>;
  if (id !== 'cross-entropy' && id !== 'binary-cross-entropy') {
    expect('loss', loss, false, "{ id: 'cross-entropy' } or { id: 'binary-cross-entropy' }");
    return;
  }
  const { threshold, sumClasses, ...others } = given;
  const binary = id === 'binary-cross-entropy';
  const share = isNumber(threshold) && threshold >= 0 && threshold < 1;
  expect(
    'loss.threshold',
    threshold,
    threshold === undefined || (binary && share),
    'a number from 0 to below 1, of binary-cross-entropy',
  );
  const yesOrNo = typeof sumClasses === 'boolean';
  expect(
    'loss.sumClasses',
    sumClasses,
    sumClasses === undefined || (binary && yesOrNo),
    'true or false, of binary-cross-entropy',
  );
  for (const [name, value] of Object.entries(others)) expect(`loss.${name}`, value, false, 'left out: it is unknown');
}

export function checkDistillation(distillation: unknown, expect: Expect): void {
  if (distillation === undefined) return;
  if (typeof distillation !== 'object' || distillation === null) {
    expect('distillation', distillation, false, 'an object such as { weight: 0.5, temperature: 4 }');
    return;
  }
  const { weight, temperature = 1, ...others } = distillation as Record<string, unknown>;
  expect('distillation.weight', weight, isNumber(weight) && weight > 0 && weight <= 1, 'a number above 0 to 1');
  expect('distillation.temperature', temperature, isNumber(temperature) && temperature > 0, 'a number above 0');
  for (const [name, value] of Object.entries(others))
    expect(`distillation.${name}`, value, false, 'left out: it is unknown');
}
