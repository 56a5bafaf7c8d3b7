/** All experiments; their order is that of the claims in reports. */
import { experiment as ablations } from './ablations.js';
import { experiment as comparison } from './comparison.js';
import { experiment as connectivity } from './connectivity.js';
import { experiment as controls } from './controls.js';
import { experiment as cost } from './cost.js';
import { experiment as detection } from './detection.js';
import type { Experiment } from './experiment.js';
import { experiment as imagenetTable } from './imagenet-table.js';
import { experiment as landscape } from './landscape.js';
import { experiment as partialData } from './partial-data.js';
import { experiment as published } from './published.js';
import { experiment as redundancy } from './redundancy.js';
import { experiment as refocusingRate } from './refocusing-rate.js';
import { experiment as robustness } from './robustness.js';
import { experiment as segmentation } from './segmentation.js';
import { experiment as skeletons } from './skeletons.js';

export const EXPERIMENTS: readonly Experiment[] = [
  ...[imagenetTable, cost, comparison, ablations, controls, refocusingRate, published, partialData],
  ...[segmentation, detection],
  ...[connectivity, redundancy, landscape, skeletons, robustness],
];
