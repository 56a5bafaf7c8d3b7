#!/usr/bin/env node
/** Where in a depthwise kernel its weight lies: the mean magnitude at each position, for W_b and W_t. */
import { analysisPresets, controlledArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { script } from './script.js';

const changes = { analysis: { id: 'skeletons' } } as const;

export const experiment: Experiment = {
  name: 'skeletons',
  question: 'Does refocusing strengthen the skeletons of kernels?',
  source: 'abstract of the journal version (doi 10.1109/TNNLS.2025.3552654)',
  notKnown: 'which network and layers; how it measures the skeleton',
  details:
    'The table has the share of the centre, and of the row and the column through it (the skeleton), in W_b and W_t; and for the control, the baseline ' +
    'trained on without RefConv, in its kernels before and after.',
  claims: [
    {
      id: 'skeletons',
      claim:
        'RefConv strengthens the skeletons of kernels: more of W_t’s weight than of W_b’s lies in the row and the column through the centre.',
      source: 'abstract of the journal version; its measure is not known',
      analysis: { measure: 'cross', arm: 'refconv' },
      expected: { above: 0 },
    },
    {
      id: 'skeletons-more-than-retraining',
      claim: 'It does so more than training the network again without RefConv.',
      source: 'ours, to that claim',
      analysis: { measure: 'cross', arm: 'refconv', against: 'retraining' },
      expected: { above: 0 },
    },
    {
      id: 'centres',
      claim: 'More of W_t’s weight than of W_b’s lies in the centre alone.',
      source: 'ours, to that claim',
      analysis: { measure: 'centre', arm: 'refconv' },
      expected: { above: 0 },
    },
    {
      id: 'centres-more-than-retraining',
      claim: 'More of it lies there than after training the network again without RefConv.',
      source: 'ours, to that claim',
      analysis: { measure: 'centre', arm: 'refconv', against: 'retraining' },
      expected: { above: 0 },
    },
  ],
  baseline: 'baseline',
  arms: {
    ...controlledArms,
    'skeletons of refconv': { after: 'refconv', analysed: true },
    'skeletons of retraining': { after: 'retraining', analysed: true },
  },
  // Without the control.
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
