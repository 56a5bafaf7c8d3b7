#!/usr/bin/env node
/** Refocusing on a part of the images. */
import { paperRecipe } from '@refconv/runs';
import type { Arm, Experiment } from './experiment.js';
import { presets, trainingImages } from './presets.js';
import { script } from './script.js';

const part = (share: number): Arm['data'] | undefined =>
  share === 1 ? undefined : ({ name, train }) => ({ train: Math.round(share * trainingImages(name, train)) });

const arms: Experiment['arms'] = { baseline: {} };
for (const share of [0.1, 0.25, 0.5, 1]) {
  const data = part(share);
  arms[`retraining on ${100 * share} %`] = { after: 'baseline', data };
  arms[`refconv on ${100 * share} %`] = { after: 'baseline', data, method: { id: 'refconv' } };
}

export const experiment: Experiment = {
  name: 'partial-data',
  question: 'How many of the training images does refocusing need?',
  source: 'ours; not in the paper',
  details:
    'The baseline is trained on all images; it is refocused, and as a control retrained, on a part of them, for as many epochs.',
  claims: [],
  baseline: 'baseline',
  arms,
  costs: { pocket: { runs: 45, seconds: 1963, machine: 'an AMD EPYC, two runs at a time' } },
  presets: presets({
    networks: ['mobilenetv2'],
    cores: ['mobilenetv1'],
    pocket: ['mobilenetv1'],
    changes: {
      pocket: {
        data: { name: 'cifar10', train: 10_000 },
        recipe: paperRecipe({ epochs: 10, warmUpEpochs: 0.5, batchSize: 64 }),
        seeds: [1, 2, 3, 4, 5],
      },
    },
    smokeArms: ['baseline', 'retraining on 50 %', 'refconv on 50 %', 'refconv on 100 %'],
  }),
};

await script(import.meta.url, experiment);
