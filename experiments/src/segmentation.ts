#!/usr/bin/env node
/**
 * The journal version claims that RefConv gains in semantic segmentation; network, data and numbers are not known (docs/segmentation.md).
 *
 * Question: does it, in either reading: RefConv within the task, over a trained segmenter (`refconv`); or a classifier that is refocused, merged and
 *   transferred (`over the refocused classifier`)? Each stands beside a control that is trained as long without RefConv.
 * LR-ASPP on CamVid. `cores` and `pocket` start from published ImageNet weights of MobileNetV1 ×0.25, which REFCONV_DATA has in
 *   weights/, and have the first reading alone; `cifar` begins with initial weights; `paper` trains its classifiers on ImageNet.
 * Cost. On a GPU, not measured: `paper` 90 runs, `cifar` 60. On 2 cores: `cores` 12 runs of 60 or 120 epochs and `pocket` 8 of 5 or 10, not measured;
 *   `smoke` 4 runs, measured: half a minute.
 * Command: node experiments/dist/segmentation.js --preset smoke
 */
import { paperRecipe } from '@refconv/runs';
import { SEGMENTATION_RECIPE } from '@refconv/segmentation/recipe';
import { NETWORKS, PUBLISHED, recipeOf, transferred, within } from './dense.js';
import type { Arm, Experiment, Preset, SettingsInput } from './experiment.js';
import { script } from './script.js';

const recipe = recipeOf(SEGMENTATION_RECIPE);

const arms: Record<string, Arm> = { ...within, ...transferred };

const WITHIN = Object.keys(within);
const task = { id: 'segmentation' } as const;

const presets: Record<Preset, SettingsInput> = {
  paper: {
    ...{ networks: NETWORKS, task, data: { name: 'camvid' }, recipe: recipe(), seeds: [1, 2, 3], threads: null },
    classification: { data: { name: 'imagenet' }, recipe: paperRecipe() },
  },
  cifar: {
    ...{ networks: NETWORKS, task, data: { name: 'camvid', imageSize: [180, 240] }, arms: WITHIN },
    ...{ recipe: recipe({ epochs: 200 }), seeds: [1, 2, 3, 4, 5], threads: null },
  },
  cores: {
    ...{ ...PUBLISHED, arms: WITHIN, task, data: { name: 'camvid', imageSize: [180, 240] } },
    ...{ recipe: recipe(), seeds: [1, 2, 3], threads: 1 },
  },
  pocket: {
    ...{ ...PUBLISHED, arms: WITHIN, task, data: { name: 'camvid', imageSize: [180, 240], train: 100, test: 60 } },
    ...{ recipe: recipe({ epochs: 5 }), seeds: [1, 2], threads: 1 },
  },
  smoke: {
    networks: [{ id: 'mobilenetv1', width: 0.125 }],
    ...{ task, data: { name: 'scenes', train: 64, test: 20, size: 48 }, arms: ['refconv', 'over the classifier'] },
    classification: {
      data: { name: 'synthetic', train: 64, test: 20, size: 48 },
      recipe: paperRecipe({ epochs: 2, warmUpEpochs: 0.5, batchSize: 32 }),
    },
    ...{ recipe: recipe({ epochs: 2 }), seeds: [1], threads: 1 },
  },
};

export const experiment: Experiment = {
  name: 'segmentation',
  claim: 'RefConv gains in semantic segmentation.',
  baseline: 'baseline',
  arms,
  presets,
};

await script(import.meta.url, experiment);
