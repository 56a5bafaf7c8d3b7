#!/usr/bin/env node
/** How alike the channels of a depthwise kernel are: the KL divergence of every pair of the first 64, softmaxed, for W_b and W_t. */
import { analysisPresets, trainedArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { script } from './script.js';

const changes = { analysis: { id: 'redundancy' } } as const;

export const experiment: Experiment = {
  name: 'redundancy',
  question: 'Are the channels of the transformed kernel less alike than those of the basis kernel?',
  source: 'figure on redundancy',
  notKnown: "the logarithm's base (nats here); the order of the pair (row first); which layers it shows (all here)",
  details:
    "The measure grows with the kernel's scale, which is arbitrary before a batch norm; beside it stands the same of kernels of norm 1.",
  claims: [
    {
      id: 'redundancy',
      claim:
        'RefConv reduces the redundancy of channels: kernels of W_t differ more than those of W_b (KL, as the paper measures it).',
      source: 'figure on redundancy',
      analysis: { measure: 'redundancy', arm: 'refconv' },
      expected: { above: 0 },
    },
    {
      id: 'redundancy-unit-norm',
      claim: 'The same with kernels scaled to norm 1, as the paper’s measure also follows their scale.',
      source: 'ours, to that figure',
      analysis: { measure: 'redundancyUnitNorm', arm: 'refconv' },
      expected: { above: 0 },
    },
  ],
  baseline: 'baseline',
  arms: { ...trainedArms, redundancy: { after: 'refconv', analysed: true } },
  costs: { pocket: { runs: 3, seconds: 138, machine: 'an AMD EPYC' } },
  presets: analysisPresets(['mobilenetv1'], {
    paper: changes,
    cifar: changes,
    cores: changes,
    pocket: changes,
    smoke: changes,
  }),
};

await script(import.meta.url, experiment);
