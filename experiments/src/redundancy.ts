#!/usr/bin/env node
/**
 * How alike the channels of a depthwise kernel are: the KL divergence of every pair of the first 64, softmaxed, for W_b and W_t.
 *
 * Claim: the divergences of W_t are clearly larger than those of W_b, so refocusing makes channels less redundant.
 * Trap: the measure grows with the kernel's scale, which is arbitrary before a batch norm; beside it stands the same of kernels of norm 1.
 * Not known of the paper: the logarithm's base (nats here), the order of the pair (row first), which layers it shows (all here).
 * Cost: that of training a baseline and its RefConv run, which other analyses share; the analysis itself takes seconds. On a GPU, not
 *   measured: `paper` 2 runs of 105 epochs on ImageNet, `cifar` 10 on CIFAR-10. On 2 cores: `cores` 3 for each seed; `pocket` 3 runs with the analysis,
 *   2 minutes, measured (138 s on an AMD EPYC); `smoke` 3, under 2 minutes.
 * Command: node experiments/dist/redundancy.js --preset smoke
 */
import { analysisPresets, trainedArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { script } from './script.js';

const changes = { analysis: { id: 'redundancy' } } as const;

export const experiment: Experiment = {
  name: 'redundancy',
  claim: 'Channels of the transformed kernel are less alike than those of the basis kernel.',
  baseline: 'baseline',
  arms: { ...trainedArms, redundancy: { after: 'refconv', analysed: true } },
  presets: analysisPresets(['mobilenetv1'], {
    paper: changes,
    cifar: changes,
    cores: changes,
    pocket: changes,
    smoke: changes,
  }),
};

await script(import.meta.url, experiment);
