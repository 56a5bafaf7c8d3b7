#!/usr/bin/env node
/**
 * The loss around the baseline and around the merged RefConv network, along the same two filter-normalised random directions.
 *
 * Claim: MobileNetV1's and MobileNetV2's contours on CIFAR-10 are wider and sparser with RefConv, so its minimum is flatter.
 * Presets: `paper` has 51×51 points on all training images, as Li et al. (2018); `cifar` 21×21 on 10,000 images, five seeds; `cores` and `pocket` 21×21
 *   on 1,000 images of MobileNetV1; all on CIFAR-10, as the paper. The range is ±1, the images are the first of those trained on.
 * Not known of the paper: range, points, images, directions, which here follow the run's seed, and in which form RefConv is moved (merged here).
 * Cost: trainings, which other analyses share, and the points. On a GPU, not measured: `paper` 4 runs of 105 epochs and 4 × 2,601 points,
 *   `cifar` 20 runs and 20 × 441 points. On 2 cores: `pocket` 2 short runs and 2 × 441 points, 18 minutes, measured (1,091 s on an AMD
 *   EPYC); `smoke` 2 tiny runs and 2 × 25 points, under 2 minutes.
 * A landscape can be split: --set parts=8 makes 8 runs of each, a Slurm array or a queue.
 * Command: node experiments/dist/landscape.js --preset smoke
 */
import { analysisPresets, trainedArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { sized } from './presets.js';
import { script } from './script.js';

const networks = ['mobilenetv1', 'mobilenetv2'];
const landscape = (points: number, images: number | null) => ({ id: 'landscape' as const, points, images });

export const experiment: Experiment = {
  name: 'landscape',
  claim: 'The loss is flatter around a RefConv network than around its baseline.',
  baseline: 'baseline',
  arms: {
    ...trainedArms,
    'landscape of baseline': { after: 'baseline', analysed: true },
    'landscape of refconv': { after: 'refconv', analysed: true },
  },
  presets: analysisPresets(networks, {
    paper: { networks: sized(networks, 'cifar'), data: { name: 'cifar10' }, analysis: landscape(51, null) },
    cifar: { analysis: landscape(21, 10_000) },
    cores: { networks: sized(['mobilenetv1'], 'cifar', 0.25), analysis: landscape(21, 1000) },
    pocket: { analysis: landscape(21, 1000) },
    smoke: { analysis: landscape(5, 100) },
  }),
};

await script(import.meta.url, experiment);
