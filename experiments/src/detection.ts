#!/usr/bin/env node
/** RefConv in object detection: docs/detection.md. */
import { DETECTION_RECIPE } from '@refconv/detection/recipe';
import { paperRecipe } from '@refconv/runs';
import { starts } from './arms.js';
import { claimsOf, NETWORKS, PUBLISHED, recipeOf, transferred, within } from './dense.js';
import type { Arm, Experiment, Preset, SettingsInput } from './experiment.js';
import { script } from './script.js';

const recipe = recipeOf(DETECTION_RECIPE);

const arms: Record<string, Arm> = {
  ...within,
  'refconv everywhere': { after: 'baseline', method: { id: 'refconv', everywhere: true } },
  ...transferred,
  ...starts,
};

const WITHIN = [...Object.keys(within), 'refconv everywhere'];
const BOTH = [...WITHIN, ...Object.keys(transferred)];
const task = { id: 'detection' } as const;

/** BCCD, of which two boxes have no area. */
const data = { name: 'voc' as const, folder: 'bccd', skipBroken: true };

const presets: Record<Preset, SettingsInput> = {
  paper: {
    ...{ networks: NETWORKS, arms: BOTH, task, data, recipe: recipe(), seeds: [1, 2, 3], threads: null },
    classification: { data: { name: 'imagenet' }, recipe: paperRecipe() },
  },
  cifar: {
    ...{ networks: NETWORKS, task, data, arms: WITHIN },
    ...{ recipe: recipe({ epochs: 200 }), seeds: [1, 2, 3, 4, 5], threads: null },
  },
  cores: {
    ...{ ...PUBLISHED, arms: WITHIN, task, data },
    ...{ recipe: recipe(), seeds: [1, 2, 3], threads: 1 },
  },
  pocket: {
    ...{ ...PUBLISHED, arms: WITHIN, task, data: { ...data, imageSize: [160, 160], train: 100, test: 60 } },
    ...{ recipe: recipe({ epochs: 5 }), seeds: [1, 2], threads: 1 },
  },
  smoke: {
    networks: [{ id: 'mobilenetv1', width: 0.125 }],
    ...{
      task,
      data: { name: 'objects', train: 64, test: 20, size: 48, imageSize: [64, 64] },
      arms: ['refconv', 'over the classifier'],
    },
    classification: {
      data: { name: 'synthetic', train: 64, test: 20, size: 48 },
      recipe: paperRecipe({ epochs: 2, warmUpEpochs: 0.5, batchSize: 32 }),
    },
    ...{ recipe: recipe({ epochs: 2 }), seeds: [1], threads: 1 },
  },
};

export const experiment: Experiment = {
  name: 'detection',
  question: 'Does RefConv gain in object detection, within the task or before it?',
  source: 'abstract of the journal version',
  notKnown: 'network, data and numbers',
  details:
    'SSDLite on BCCD, which REFCONV_DATA has in bccd/. Two readings: RefConv within the task, over a trained detector (in the backbone, or everywhere: in ' +
    'the extra maps and the heads too); or a classifier that is refocused, merged and transferred. Each stands beside a control that is trained as long ' +
    'without RefConv. The presets cores and pocket start from published ImageNet weights of MobileNetV1 ×0.25, which REFCONV_DATA has in weights/; cifar ' +
    'begins with initial weights; paper trains its classifiers on ImageNet.',
  claims: claimsOf('detection', 'detector', 'AP', 'ap'),
  baseline: 'baseline',
  arms,
  costs: {
    cores: { runs: 12, seconds: 15_048, machine: 'one core of an AMD EPYC, beside other work' },
    smoke: { runs: 4, seconds: 90, machine: '2 cores, beside other work' },
  },
  presets,
};

await script(import.meta.url, experiment);
