#!/usr/bin/env node
/** The loss around the baseline and around the merged RefConv network, along the same two filter-normalised random directions. */
import { analysisPresets, trainedArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { sized } from './presets.js';
import { script } from './script.js';

const networks = ['mobilenetv1', 'mobilenetv2'];
const landscape = (points: number, images: number | null) => ({ id: 'landscape' as const, points, images });

export const experiment: Experiment = {
  name: 'landscape',
  question: 'Is the loss flatter around a RefConv network than around its baseline?',
  source: 'figure on the loss landscape (CIFAR-10)',
  notKnown:
    "range, points and images; the directions, which here follow the run's seed; in which form RefConv is moved (merged here)",
  details:
    'The range is ±1, the images are the first of those trained on; the preset paper has 51×51 points on all of them, as Li et al. (2018). A landscape ' +
    'can be split: --set parts=8 makes 8 runs of each, a Slurm array or a queue.',
  claims: [
    {
      id: 'landscape',
      claim: 'RefConv smooths the loss landscape: a larger share of it lies within 1 nat of the centre.',
      source: 'figure on the loss landscape (CIFAR-10)',
      analysis: { measure: 'landscape', arm: 'refconv', against: 'baseline' },
      expected: { above: 0 },
    },
  ],
  baseline: 'baseline',
  arms: {
    ...trainedArms,
    'landscape of baseline': { after: 'baseline', analysed: true },
    'landscape of refconv': { after: 'refconv', analysed: true },
  },
  costs: { pocket: { runs: 4, seconds: 1091, machine: 'an AMD EPYC' } },
  presets: analysisPresets(networks, {
    paper: { networks: sized(networks, 'cifar'), data: { name: 'cifar10' }, analysis: landscape(51, null) },
    cifar: { analysis: landscape(21, 10_000) },
    cores: { networks: sized(['mobilenetv1'], 'cifar', 0.25), analysis: landscape(21, 1000) },
    pocket: { analysis: landscape(21, 1000) },
    smoke: { analysis: landscape(5, 100) },
  }),
};

await script(import.meta.url, experiment);
