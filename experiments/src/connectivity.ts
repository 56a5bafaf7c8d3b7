#!/usr/bin/env node
/**
 * How W_r ties the channels of a depthwise layer: Σ|W_r[i, j]| for the first 64 channels of W_b and W_t.
 *
 * Claim: each channel of the transformed kernel draws on many channels of the basis kernel.
 * Trap: a W_r that was never trained gives a full matrix too, which weight decay takes away over a long training only. The table has the
 *   mean that initialisation gives, and the matrix of what was added to the run's own initial W_r. In `pocket` nearly all is initialisation.
 * Not known of the paper: the network (MobileNetV1 here, which it has for redundancy) and the layers (all here).
 * Cost: that of training a baseline and its RefConv run, which other analyses share; the analysis itself takes seconds. On a GPU, not
 *   measured: `paper` 2 runs of 105 epochs on ImageNet, `cifar` 10 on CIFAR-10. On 2 cores: `cores` 3 for each seed; `pocket` 3 runs with the analysis,
 *   2 minutes, measured (131 s on an AMD EPYC); `smoke` 3, under 2 minutes.
 * Command: node experiments/dist/connectivity.js --preset smoke
 */
import { analysisPresets, trainedArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { script } from './script.js';

const changes = { analysis: { id: 'connectivity' } } as const;

export const experiment: Experiment = {
  name: 'connectivity',
  claim: 'Each channel of the transformed kernel draws on many channels of the basis kernel.',
  baseline: 'baseline',
  arms: { ...trainedArms, connectivity: { after: 'refconv', analysed: true } },
  presets: analysisPresets(['mobilenetv1'], {
    paper: changes,
    cifar: changes,
    cores: changes,
    pocket: changes,
    smoke: changes,
  }),
};

await script(import.meta.url, experiment);
