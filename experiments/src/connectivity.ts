#!/usr/bin/env node
/** How W_r ties the channels of a depthwise layer: Σ|W_r[i, j]| for the first 64 channels of W_b and W_t. */
import { analysisPresets, trainedArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { script } from './script.js';

const changes = { analysis: { id: 'connectivity' } } as const;

export const experiment: Experiment = {
  name: 'connectivity',
  question: 'Does each channel of the transformed kernel draw on many channels of the basis kernel?',
  source: 'figure on connectivity',
  notKnown: 'the network (MobileNetV1 here, which it has for redundancy); the layers (all here)',
  details:
    'A W_r that was never trained gives a full matrix too, which weight decay takes away over a long training only. The table has the mean that ' +
    "initialisation gives, and the matrix of what was added to the run's own initial W_r. In the preset pocket nearly all is initialisation.",
  claims: [
    {
      id: 'connectivity',
      claim: 'RefConv ties a kernel channel to the others: off the diagonal W_r is stronger than it starts.',
      source: 'figure on connectivity',
      analysis: { measure: 'connectivity', arm: 'refconv' },
      expected: { above: 0 },
    },
  ],
  baseline: 'baseline',
  arms: { ...trainedArms, connectivity: { after: 'refconv', analysed: true } },
  costs: { pocket: { runs: 3, seconds: 131, machine: 'an AMD EPYC' } },
  presets: analysisPresets(['mobilenetv1'], {
    paper: changes,
    cifar: changes,
    cores: changes,
    pocket: changes,
    smoke: changes,
  }),
};

await script(import.meta.url, experiment);
