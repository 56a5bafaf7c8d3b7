#!/usr/bin/env node
/** RefConv in semantic segmentation: docs/segmentation.md. */
import { paperRecipe } from '@refconv/runs';
import { SEGMENTATION_RECIPE } from '@refconv/segmentation/recipe';
import { starts } from './arms.js';
import { claimsOf, NETWORKS, PUBLISHED, recipeOf, transferred, within } from './dense.js';
import type { Arm, Experiment, Preset, SettingsInput } from './experiment.js';
import { script } from './script.js';

const recipe = recipeOf(SEGMENTATION_RECIPE);

const arms: Record<string, Arm> = { ...within, ...transferred, ...starts };

const WITHIN = Object.keys(within);
const BOTH = [...WITHIN, ...Object.keys(transferred)];
const task = { id: 'segmentation' } as const;

const presets: Record<Preset, SettingsInput> = {
  paper: {
    ...{
      networks: NETWORKS,
      arms: BOTH,
      task,
      data: { name: 'camvid' },
      recipe: recipe(),
      seeds: [1, 2, 3],
      threads: null,
    },
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
  question: 'Does RefConv gain in semantic segmentation, within the task or before it?',
  source: 'abstract of the journal version',
  notKnown: 'network, data and numbers',
  details:
    'LR-ASPP on CamVid. Two readings: RefConv within the task, over a trained segmenter; or a classifier that is refocused, merged and transferred. Each ' +
    'stands beside a control that is trained as long without RefConv. The presets cores and pocket start from published ImageNet weights of MobileNetV1 ' +
    '×0.25, which REFCONV_DATA has in weights/; cifar begins with initial weights; paper trains its classifiers on ImageNet.',
  claims: claimsOf('segmentation', 'segmenter', 'mean IoU', 'meanIou'),
  baseline: 'baseline',
  arms,
  costs: {
    cores: { runs: 12, seconds: 9702, machine: 'one core of an AMD EPYC, beside other work' },
    smoke: { runs: 4, seconds: 30, machine: '2 cores' },
  },
  presets,
};

await script(import.meta.url, experiment);
