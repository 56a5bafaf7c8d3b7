/** Which optimisers there are, with their options: as plain values, so that recipes are checked without TensorFlow. */

import { Registry } from '@refconv/files/registry';
import { z } from 'zod';
import { group } from '../recipeParts.js';

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
export const OPTIMISERS: Registry<OptimiserFacts> = new Registry<OptimiserFacts>('optimiser', {
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
});

const EXAMPLE = "{ id: 'adamw' }";

/** An optimiser by its name; options that are left out have their defaults. */
export const optimiserSchema = group(EXAMPLE, {
  id: z.string().meta({
    option: '--optimiser <id>',
    about: `${OPTIMISERS.ids().join(', ')}; give it a --learning-rate of its own, adamw such as 0.001`,
  }),
  options: z.record(z.string(), z.union([z.number(), z.boolean()])).optional(),
}).check(({ value: { id, options = {} }, issues }) => {
  const facts = OPTIMISERS.find(id);
  if (!facts) {
    const message = `expected an object such as ${EXAMPLE}, with one of ${OPTIMISERS.ids().join(', ')}`;
    issues.push({ code: 'custom', message, input: id });
    return;
  }
  for (const [name, value] of Object.entries(options)) {
    const option = Object.hasOwn(facts.options, name) ? facts.options[name] : undefined;
    const names = Object.keys(facts.options).join(', ') || 'no options';
    const expected = option ? option.expected : `left out: ${id} has ${names}`;
    if (!option || !isValid(option, value))
      issues.push({ code: 'custom', message: `expected ${expected}`, path: ['options', name], input: value });
  }
});
export type OptimiserChoice = z.infer<typeof optimiserSchema>;

const isValid = ({ valid, default: usual }: OptimiserOption, value: number | boolean) =>
  typeof value === typeof usual && (typeof value === 'boolean' || (valid?.(value) ?? true));

/** The options of a choice with the defaults of those that are left out. */
export function optimiserOptions({ id, options = {} }: OptimiserChoice): Record<string, number | boolean> {
  const known = OPTIMISERS.find(id)?.options ?? {};
  return {
    ...Object.fromEntries(Object.entries(known).map(([name, option]) => [name, option.default])),
    ...options,
  };
}
