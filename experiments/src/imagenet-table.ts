#!/usr/bin/env node
/**
 * The paper's first table: baseline and RefConv for each network.
 *
 * Claim: RefConv raises top-1 of every network at the same cost of inference: MobileNetV3-Small by 1.47 points, ShuffleNetV2 by 1.26,
 *   FasterNet-S by 1.15 (the other cells are not known here).
 * The table also has the parameters in training, a step's FLOPs, time and peak memory; time and memory are compared by cost.
 * Cost. On a GPU, not measured: `paper` 32 runs of 105 epochs on ImageNet, `cifar` 160 on CIFAR-10. On 2 cores: `cores` 6 runs, which
 *   `controls` has too; `pocket` 40 runs, 18
 *   minutes, measured (1,100 s on an AMD EPYC, two runs at a time), of the ten networks that have a narrow form; `smoke` 2 runs, under 2 minutes.
 * Command: node experiments/dist/imagenet-table.js --preset smoke
 */
import type { Experiment } from './experiment.js';
import { CORES_NETWORKS, NETWORKS, presets, takesWidth } from './presets.js';
import { script } from './script.js';

export const experiment: Experiment = {
  name: 'imagenet-table',
  claim: 'RefConv raises top-1 of every network, at the same cost of inference.',
  baseline: 'baseline',
  arms: { baseline: {}, refconv: { after: 'baseline', method: { id: 'refconv' } } },
  paper: { arm: 'refconv', gains: { mobilenetv3_small: 1.47, shufflenetv2: 1.26, fasternet_s: 1.15 } },
  presets: presets({ networks: NETWORKS, cores: CORES_NETWORKS, pocket: NETWORKS.filter(takesWidth) }),
};

await script(import.meta.url, experiment);
