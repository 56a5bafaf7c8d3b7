/** Arms that several experiments have: RefConv over the trained baseline, and what decides the length of its steps. */
import type { Arm } from './experiment.js';

/** RefConv over the trained baseline. */
export const refconv = (options: Record<string, string | number | boolean> = {}, recipe?: Arm['recipe']): Arm => ({
  after: 'baseline',
  method: { id: 'refconv', options },
  ...(recipe && { recipe }),
});

/** Training on by a small learning rate. */
export const finetuning: Arm = {
  after: 'baseline',
  recipe: ({ learningRate }) => ({ learningRate: learningRate / 100 }),
  fixedRate: true,
};

/** W_r's steps as long as the plain kernel's. */
export const matched = () => ({ refocusingRate: 'matched' }) as const;

/** The paper's start of W_r and one that is the baseline exactly, each at the paper's rate and with its steps matched. */
export const starts: Record<string, Arm> = {
  refconv: refconv(),
  'refconv, rate matched': refconv({}, matched),
  'W_r zero': refconv({ init: 'zero' }),
  'W_r zero, rate matched': refconv({ init: 'zero' }, matched),
};
