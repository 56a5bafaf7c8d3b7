/** Which schedules of the learning rate there are, as plain values. */
import type { Expect } from './recipeParts.js';

/** What a learning rate does after its warm-up, or with `countWarmUp` from the first step on. */
export type ScheduleChoice = {
  /** The rate changes between epochs alone, as timm's does by default. Default: false, at every step. */
  perEpoch?: boolean;
  /** Its length and its epochs count from the first step, those of the warm-up too (timm without --warmup-prefix). Default: false. */
  countWarmUp?: boolean;
} & (
  | { id: 'cosine' | 'constant' }
  /** Times `factor` every so many epochs. */
  | { id: 'step'; every: number; factor: number }
  /** Times `factor` after each of these epochs, as torch.optim.lr_scheduler.MultiStepLR. */
  | { id: 'milestones'; epochs: readonly number[]; factor: number }
  /** (1 − t)^power. Default: 0.5, as timm's; segmentation has 0.9. */
  | { id: 'polynomial'; power?: number }
  /**
   * Smith and Topin, arXiv 1708.07120, as torch.optim.lr_scheduler.OneCycleLR: a cosine from learningRate / start up to it, for the share `rise`
   * of the steps, then one down to learningRate / start / end. Defaults: 0.3, 25, 10⁴.
   */
  | { id: 'one-cycle'; rise?: number; start?: number; end?: number }
  /**
   * Times `factor` where the loss has not fallen by the share `threshold` for more than `patience` epochs; then waits for `cooldown` epochs. The loss is
   * that of the validation images, where there are some, else of training; never of the test images. Defaults: 0.1, 10, 10⁻⁴, 0.
   */
  | { id: 'plateau'; factor?: number; patience?: number; threshold?: number; cooldown?: number }
);

type Kind = 'share' | 'positive' | 'count' | 'above one' | 'epochs' | 'switch';

const VALID: Record<Kind, [valid: (value: unknown) => boolean, expected: string]> = {
  share: [(value) => isNumber(value) && value > 0 && value < 1, 'a number above 0 and below 1'],
  positive: [(value) => isNumber(value) && value > 0, 'a number above 0'],
  'above one': [(value) => isNumber(value) && value >= 1, 'a number from 1'],
  count: [(value) => Number.isSafeInteger(value) && (value as number) >= 0, 'an integer from 0'],
  epochs: [
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each, i) => isNumber(each) && each > (value[i - 1] ?? 0)),
    'rising numbers above 0, such as [30, 60, 80]',
  ],
  switch: [(value) => typeof value === 'boolean', 'true or false'],
};

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** The entries of each schedule; those with a question mark may be left out. */
const ENTRIES: Record<ScheduleChoice['id'], Record<string, Kind>> = {
  cosine: {},
  constant: {},
  step: { every: 'positive', factor: 'share' },
  milestones: { epochs: 'epochs', factor: 'share' },
  polynomial: { 'power?': 'positive' },
  'one-cycle': { 'rise?': 'share', 'start?': 'above one', 'end?': 'above one' },
  plateau: { 'factor?': 'share', 'patience?': 'count', 'threshold?': 'share', 'cooldown?': 'count' },
};

export const SCHEDULES = Object.keys(ENTRIES) as ScheduleChoice['id'][];

/** Tells `expect` what is wrong with a recipe's schedule. */
export function checkSchedule(schedule: unknown, expect: Expect): void {
  if (schedule === undefined) return;
  const { id, ...given } = (typeof schedule === 'object' && schedule !== null ? schedule : {}) as Record<
    string,
    unknown
  >;
  if (typeof id !== 'string' || !Object.hasOwn(ENTRIES, id)) {
    expect('schedule', schedule, false, `an object such as { id: 'cosine' }, with one of ${SCHEDULES.join(', ')}`);
    return;
  }
  const entries = { ...ENTRIES[id as ScheduleChoice['id']], 'perEpoch?': 'switch', 'countWarmUp?': 'switch' } as const;
  const names = Object.keys(entries).map((name) => name.replace('?', ''));
  for (const [name, kind] of Object.entries(entries) as [string, Kind][]) {
    const value = given[name.replace('?', '')];
    const [valid, expected] = VALID[kind];
    const left = value === undefined && name.endsWith('?');
    expect(`schedule.${name.replace('?', '')}`, value, left || valid(value), expected);
  }
  for (const [name, value] of Object.entries(given))
    expect(`schedule.${name}`, value, names.includes(name), `left out: ${id} has ${names.join(', ')}`);
}
