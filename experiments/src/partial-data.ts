#!/usr/bin/env node
/**
 * Beyond the paper: how many of the training images does refocusing need?
 *
 * Question: the baseline is trained on all images; it is refocused, and as a control retrained, on a part of them, for as many epochs.
 * Presets: `pocket` is larger than others': MobileNetV1 ×0.25, 10,000 training images and all test images of CIFAR-10, 10 epochs, 5 seeds.
 * Cost. On a GPU, not measured: `paper` 9 runs of 105 epochs on ImageNet or parts of it, `cifar` 45 on CIFAR-10. On 2 cores: `cores` 27, not measured;
 *   `pocket` 45
 *   runs, 33 minutes, measured (1,963 s on an AMD EPYC, two runs at a time); `smoke` 4 runs, under 2 minutes.
 * Command: node experiments/dist/partial-data.js --preset smoke
 */
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
  claim: 'How many of the training images does refocusing need?',
  baseline: 'baseline',
  arms,
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
