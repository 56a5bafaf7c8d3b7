#!/usr/bin/env node
/**
 * Where in a depthwise kernel its weight lies: the mean magnitude at each position, for W_b and W_t.
 *
 * Claim, of the abstract of the paper's journal version (doi 10.1109/TNNLS.2025.3552654): refocusing strengthens the skeletons of kernels. The table
 *   has the share of the centre, and of the row and the column through it (the skeleton), in W_b and W_t; and for the control, the
 *   baseline trained on without RefConv, in its kernels before and after.
 * Not known of the paper: which network and layers, and how it measures the skeleton.
 * Cost: that of training a baseline and its RefConv run, which other analyses share, and of the control; the analysis itself takes seconds. On a GPU, not
 *   measured: `paper` 3 runs of 105 epochs on ImageNet, `cifar` 15 on CIFAR-10. On 2 cores: `cores` 5 for each seed; `pocket` 5 runs with the analyses,
 *   3 minutes (estimated; 138 s were measured without the control on an AMD EPYC); `smoke` 5, under 2 minutes.
 * Command: node experiments/dist/skeletons.js --preset smoke
 */
import { analysisPresets, controlledArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { script } from './script.js';

const changes = { analysis: { id: 'skeletons' } } as const;

export const experiment: Experiment = {
  name: 'skeletons',
  claim: 'Refocusing strengthens the skeletons of kernels.',
  baseline: 'baseline',
  arms: {
    ...controlledArms,
    'skeletons of refconv': { after: 'refconv', analysed: true },
    'skeletons of retraining': { after: 'retraining', analysed: true },
  },
  presets: analysisPresets(['mobilenetv1'], {
    paper: changes,
    cifar: changes,
    cores: changes,
    pocket: changes,
    smoke: changes,
  }),
};

await script(import.meta.url, experiment);
