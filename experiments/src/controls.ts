#!/usr/bin/env node
/**
 * Beyond the paper: is the gain just longer training, and what do W_r's start, the map's size, the identity and the batch norms do?
 *
 * Question: what readers of the paper ask and nobody has answered. `baseline, as long as both stages` and `retraining` have as many epochs
 *   in all as RefConv. A map of 5×5 takes kernels from 5×5 alone, which MobileNetV3 has beside its 3×3 ones.
 * Cost. On a GPU, not measured: `paper` 10 runs of 105 or 210 epochs on ImageNet, `cifar` 50 on CIFAR-10. On 2 cores: `cores` 12 runs of 40 to 145
 *   epochs of MobileNetV1, not measured yet; `pocket` 20 runs, 5
 *   minutes, measured (318 s on an AMD EPYC, two runs at a time); `smoke` 4 runs, under 2 minutes.
 * Command: node experiments/dist/controls.js --preset smoke
 */
import { type Arm, bothStages, type Experiment } from './experiment.js';
import { CORES_NETWORKS, presets } from './presets.js';
import { script } from './script.js';

const refconv = (options: Record<string, string | number | boolean> = {}): Arm => ({
  after: 'baseline',
  method: { id: 'refconv', options },
});

export const experiment: Experiment = {
  name: 'controls',
  claim: 'Is it just longer training, and which choices matter?',
  baseline: 'baseline',
  arms: {
    baseline: {},
    'baseline, as long as both stages': { recipe: bothStages },
    retraining: { after: 'baseline' },
    refconv: refconv(),
    'W_r zero': refconv({ init: 'zero' }),
    'W_r official': refconv({ init: 'official' }),
    'map 1×1': refconv({ mapKernel: 1 }),
    'map 5×5': refconv({ mapKernel: 5 }),
    'identity off': refconv({ identity: false }),
    // Started otherwise, or at the whole rate, the loss soon is no number: the statistics that are kept are W_b's, and nothing normalises.
    'batch norm frozen, W_r zero, rate × 0.1': {
      ...refconv({ init: 'zero' }),
      freezeBatchNorm: true,
      recipe: ({ learningRate }) => ({ learningRate: 0.1 * learningRate }),
    },
  },
  presets: presets({
    networks: ['mobilenetv3_small'],
    cores: CORES_NETWORKS,
    // What W_r's start does there, the experiment refocusing-rate asks.
    changes: { cores: { arms: ['baseline', 'baseline, as long as both stages', 'retraining', 'refconv'] } },
    smokeArms: ['baseline', 'retraining', 'W_r zero', 'batch norm frozen, W_r zero, rate × 0.1'],
  }),
};

await script(import.meta.url, experiment);
