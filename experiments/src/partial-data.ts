#!/usr/bin/env node
/**
 * Beyond the paper: how many of the training images does refocusing need?
 *
 * Question: the baseline is trained on all images; it is refocused, and as a control retrained, on a part of them, for as many epochs.
 * Cost, estimated and not measured: `paper` 9 runs, a week or two on one GPU; `cifar` 45 runs, a day or two on one GPU; `pocket` 18 runs,
 *   about a quarter of an hour on 2 cores; `smoke` 4 runs, under 2 minutes on 2 cores.
 * Command: node experiments/dist/partial-data.js --preset smoke
 */
import { paperRecipe } from '@refconv/runs';
import type { Arm, Experiment } from './experiment.js';
import { presets, TRAINING_IMAGES } from './presets.js';
import { script } from './script.js';

const part = (share: number): Arm['data'] | undefined =>
  share === 1 ? undefined : ({ name, train = TRAINING_IMAGES[name] }) => ({ train: Math.round(share * train) });

const arms: Experiment['arms'] = { baseline: {} };
for (const share of [0.1, 0.25, 0.5, 1]) {
  const data = part(share);
  arms[`retraining on ${100 * share} %`] = { after: 'baseline', data };
  arms[`refconv on ${100 * share} %`] = { after: 'baseline', data, method: { id: 'refconv' } };
}

export const experiment: Experiment = {
  name: 'partial-data',
  claim: 'How many of the training images does refocusing need?',
  baseline: 'baseline',
  arms,
  presets: presets({
    networks: ['mobilenetv2'],
    pocket: ['mobilenetv1'],
    changes: {
      pocket: {
        data: { name: 'cifar10', train: 10_000, test: 2000 },
        recipe: paperRecipe({ epochs: 10, warmUpEpochs: 0.5, batchSize: 64 }),
        seeds: [1, 2, 3, 4, 5],
      },
    },
    smokeArms: ['baseline', 'retraining on 50 %', 'refconv on 50 %', 'refconv on 100 %'],
  }),
};

await script(import.meta.url, experiment);
