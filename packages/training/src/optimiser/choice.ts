/** Which optimisers there are, with their options: as plain values, so that recipes are checked without TensorFlow. */

import type { Expect } from '../recipeParts.js';

/** An optimiser by its name; options that are left out have their defaults. */
export interface OptimiserChoice {
  id: string;
  options?: Readonly<Record<string, number | boolean>>;
}

export interface OptimiserOption {
  default: number | boolean;
  /** Of numbers. */
  valid?: (value: number) => boolean;
  /** What is expected, for errors and help. */
  expected: string;
}

export interface OptimiserFacts {
  /** One line, with its source. */
  about: string;
  options: Readonly<Record<string, OptimiserOption>>;
}

const belowOne = (value: number): OptimiserOption => ({
  default: value,
  valid: (given) => given >= 0 && given < 1,
  expected: 'a number from 0 to below 1',
});
const aboveZero = (value: number): OptimiserOption => ({
  default: value,
  valid: (given) => Number.isFinite(given) && given > 0,
  expected: 'a number above 0',
});
const yesOrNo = (value: boolean): OptimiserOption => ({ default: value, expected: 'true or false' });

const MOMENTS = { beta1: belowOne(0.9), beta2: belowOne(0.999), epsilon: aboveZero(1e-8) };

/** Known by these names to recipes, specs and the command; {@link registerOptimiser} adds to them. */
export const OPTIMISERS: Record<string, OptimiserFacts> = {
  sgd: {
    about: "SGD with the recipe's momentum and nesterov, weight decay added to the gradient: torch.optim.SGD",
    options: {},
  },
  adam: {
    about: 'Adam, weight decay added to the gradient: Kingma and Ba, arXiv 1412.6980; torch.optim.Adam',
    options: MOMENTS,
  },
  adamw: {
    about: 'Adam, weight decay beside the gradient: Loshchilov and Hutter, arXiv 1711.05101; torch.optim.AdamW',
    options: MOMENTS,
  },
  rmsprop: {
    about: "RMSprop with the recipe's momentum, ε outside of the root: torch.optim.RMSprop",
    options: { decay: belowOne(0.99), epsilon: aboveZero(1e-8) },
  },
  'rmsprop-tf': {
    about:
      "TensorFlow 1's RMSprop with the recipe's momentum: ε within the root, squares that start at 1, the rate within the momentum; timm's RMSpropTF",
    options: { decay: belowOne(0.9), epsilon: aboveZero(1e-10) },
  },
  lamb: {
    about: "LAMB: You et al., arXiv 1904.00962, in timm's form: no trust ratio where there is no weight decay",
    options: { ...MOMENTS, epsilon: aboveZero(1e-6), alwaysAdapt: yesOrNo(false), trustClip: yesOrNo(false) },
  },
};

/** The options of a choice with the defaults of those that are left out. */
export function optimiserOptions({ id, options = {} }: OptimiserChoice): Record<string, number | boolean> {
  const known = OPTIMISERS[id]?.options ?? {};
  return {
    ...Object.fromEntries(Object.entries(known).map(([name, option]) => [name, option.default])),
    ...options,
  };
}

/** Tells `expect` what is wrong with a recipe's optimiser. */
export function checkOptimiser(choice: OptimiserChoice | undefined, expect: Expect): void {
  if (choice === undefined) return;
  const facts = Object.hasOwn(OPTIMISERS, choice?.id) ? OPTIMISERS[choice.id] : undefined;
  if (!facts) {
    const ids = Object.keys(OPTIMISERS).join(', ');
    expect('optimiser', choice, false, `an object such as { id: 'adamw' }, with one of ${ids}`);
    return;
  }
  const { id: _, options = {}, ...others } = choice;
  for (const name of Object.keys(others)) expect(`optimiser.${name}`, name, false, 'left out: it belongs into options');
  for (const [name, value] of Object.entries(options)) {
    const option = Object.hasOwn(facts.options, name) ? facts.options[name] : undefined;
    const path = `optimiser.options.${name}`;
    const names = Object.keys(facts.options);
    if (!option)
      expect(path, value, false, `left out: ${choice.id} has ${names.length > 0 ? names.join(', ') : 'no options'}`);
    else expect(path, value, typeof value === typeof option.default && isValid(option, value), option.expected);
  }
}

const isValid = ({ valid }: OptimiserOption, value: number | boolean) =>
  typeof value === 'boolean' || (valid?.(value) ?? true);
