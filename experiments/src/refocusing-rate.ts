#!/usr/bin/env node
/** What of RefConv is its map, and what the length of its steps. */
import { matched, refconv, starts } from './arms.js';
import type { Arm, Experiment } from './experiment.js';
import { presets } from './presets.js';
import { script } from './script.js';

const slower: Arm['recipe'] = ({ learningRate }) => ({ learningRate: 0.2 * learningRate });
const slowerAndMatched: Arm['recipe'] = (...given) => ({ ...slower(...given), ...matched() });

export const experiment: Experiment = {
  name: 'refocusing-rate',
  question: 'What decides RefConv: its map, or the length of its steps?',
  source: 'ours; not in the paper',
  details:
    "A step of W_r moves W_t by the basis kernels' own magnitudes over all channels, so that the refocusing stage has a far larger learning rate than " +
    "its number says. W_r's start (Xavier, zero, official) is crossed with its rate, the paper's or 'matched', which divides it layer by layer by that " +
    "factor; the stage's rate and a map of 1×1 are tried with W_r from zero, which starts from exactly the baseline. The kernel_change of each run's " +
    'metrics.csv is the relative length of its steps.',
  claims: [],
  baseline: 'baseline',
  arms: {
    baseline: {},
    retraining: { after: 'baseline' },
    ...starts,
    'W_r official': refconv({ init: 'official' }),
    'W_r official, rate matched': refconv({ init: 'official' }, matched),
    'retraining, rate × 0.2': { after: 'baseline', recipe: slower, fixedRate: true },
    'W_r zero, rate × 0.2': { ...refconv({ init: 'zero' }, slower), fixedRate: true },
    'W_r zero, rate × 0.2 and matched': { ...refconv({ init: 'zero' }, slowerAndMatched), fixedRate: true },
    'map 1×1, W_r zero': refconv({ init: 'zero', mapKernel: 1 }),
    'map 1×1, W_r zero, rate matched': refconv({ init: 'zero', mapKernel: 1 }, matched),
  },
  presets: presets({
    networks: ['mobilenetv1'],
    smokeArms: ['baseline', 'retraining', 'W_r zero', 'W_r zero, rate matched'],
  }),
};

await script(import.meta.url, experiment);
