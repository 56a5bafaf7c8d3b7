#!/usr/bin/env node
/** The paper's first table: baseline and RefConv for each network. */
import { GAIN, SAME_INFERENCE, STEP_FLOPS } from './claims.js';
import type { Experiment } from './experiment.js';
import { CORES_NETWORKS, NETWORKS, presets, takesWidth } from './presets.js';
import { script } from './script.js';

export const experiment: Experiment = {
  name: 'imagenet-table',
  question: 'Does RefConv raise top-1 of every network, at the same cost of inference?',
  source: 'first table (ImageNet)',
  notKnown: 'the gains but those of MobileNetV3-Small, ShuffleNetV2 and FasterNet-S',
  details:
    "The table also has the parameters in training, a step's FLOPs, time and peak memory; time and memory are compared by the experiment cost. " +
    'In the preset pocket are the networks that have a narrow form.',
  claims: [GAIN, SAME_INFERENCE, STEP_FLOPS],
  baseline: 'baseline',
  arms: { baseline: {}, refconv: { after: 'baseline', method: { id: 'refconv' } } },
  paper: { arm: 'refconv', gains: { mobilenetv3_small: 1.47, shufflenetv2: 1.26, fasternet_s: 1.15 } },
  costs: { pocket: { runs: 40, seconds: 1100, machine: 'an AMD EPYC, two runs at a time' } },
  presets: presets({ networks: NETWORKS, cores: CORES_NETWORKS, pocket: NETWORKS.filter(takesWidth) }),
};

await script(import.meta.url, experiment);
