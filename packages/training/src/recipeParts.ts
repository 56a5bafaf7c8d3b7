/** Parts of recipes that most leave out, and what may be in them. Plain values, without TensorFlow. */

/** Tells what is wrong with an entry, where it is not valid. */
export type Expect = (name: string, value: unknown, valid: boolean, expected: string) => void;

/** An exponential moving average of the weights. */
export interface Averaging {
  /** How much of the average is kept at each update, such as 0.9998. */
  decay: number;
  /** A smaller decay at the beginning: at most 1 − n^(−2/3) at the n-th update. Default: false. */
  warmUp?: boolean;
}

/** Weights that are treated otherwise than the rest. */
export interface ParameterGroup {
  /** A regular expression; the group are the weights whose name it matches, such as `blocks.0.conv/kernel`. Of several groups the last counts. */
  match: string;
  /** A factor on the learning rate. */
  rate?: number;
  /** In place of the recipe's weightDecay. */
  weightDecay?: number;
}

const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const notNegative = (value: unknown) => finite(value) && value >= 0;
const positive = (value: unknown) => finite(value) && value > 0;

function entries(
  path: string,
  value: unknown,
  example: string,
  known: readonly string[],
  expect: Expect,
): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    expect(path, value, false, `an object such as ${example}`);
    return undefined;
  }
  for (const [name, entry] of Object.entries(value))
    expect(`${path}.${name}`, entry, known.includes(name), `left out: it is unknown; there are ${known.join(', ')}`);
  return value as Record<string, unknown>;
}

export function checkAveraging(averaging: unknown, expect: Expect): void {
  if (averaging === undefined) return;
  const given = entries('averaging', averaging, '{ decay: 0.9998 }', ['decay', 'warmUp'], expect);
  if (!given) return;
  const { decay, warmUp = false } = given;
  expect('averaging.decay', decay, notNegative(decay) && (decay as number) < 1, 'a number from 0 to below 1');
  expect('averaging.warmUp', warmUp, typeof warmUp === 'boolean', 'true or false');
}

export function checkGroups(groups: unknown, expect: Expect): void {
  if (groups === undefined) return;
  if (!Array.isArray(groups)) {
    expect('groups', groups, false, "a list such as [{ match: '^classifier', rate: 10 }]");
    return;
  }
  groups.forEach((group, i) => {
    const path = `groups.${i}`;
    const given = entries(path, group, "{ match: '^classifier', rate: 10 }", ['match', 'rate', 'weightDecay'], expect);
    if (!given) return;
    const { match, rate, weightDecay } = given;
    checkPattern(`${path}.match`, match, expect);
    expect(`${path}.rate`, rate, rate === undefined || notNegative(rate), 'a number from 0');
    expect(
      `${path}.weightDecay`,
      weightDecay,
      weightDecay === undefined || notNegative(weightDecay),
      'a number from 0',
    );
  });
}

export function checkPattern(path: string, pattern: unknown, expect: Expect): void {
  let valid = typeof pattern === 'string' && pattern !== '';
  try {
    new RegExp(pattern as string);
  } catch {
    valid = false;
  }
  expect(path, pattern, valid, 'a regular expression');
}

/** Entries that are numbers: clipNorm, accumulate, rateByDepth. */
export function checkAmounts(
  { clipNorm, accumulate, rateByDepth }: { clipNorm?: unknown; accumulate?: unknown; rateByDepth?: unknown },
  expect: Expect,
): void {
  const given = (value: unknown, valid: (value: unknown) => boolean) => value === undefined || valid(value);
  expect('clipNorm', clipNorm, given(clipNorm, positive), 'a number above 0');
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;
  expect('accumulate', accumulate, given(accumulate, count), 'an integer from 1');
  const share = (value: unknown) => positive(value) && (value as number) <= 1;
  expect('rateByDepth', rateByDepth, given(rateByDepth, share), 'a number above 0 to 1');
}
