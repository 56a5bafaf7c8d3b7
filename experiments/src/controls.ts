#!/usr/bin/env node
/** What readers of the paper ask of the gain and of RefConv's choices. */
import { refconv } from './arms.js';
import { GAIN, gainOver, MORE_THAN_RETRAINING, SAME_INFERENCE, STEP_FLOPS } from './claims.js';
import { bothStages, type Experiment } from './experiment.js';
import { CORES_NETWORKS, presets } from './presets.js';
import { script } from './script.js';

export const experiment: Experiment = {
  name: 'controls',
  question:
    "Is the gain just longer training, and what do W_r's start, the map's size, the identity and the batch norms do?",
  source: 'asked by readers; not in the paper',
  details:
    "'baseline, as long as both stages' and 'retraining' have as many epochs in all as RefConv. A map of 5×5 takes kernels from 5×5 alone, which " +
    'MobileNetV3 has beside its 3×3 ones.',
  claims: [
    GAIN,
    SAME_INFERENCE,
    STEP_FLOPS,
    MORE_THAN_RETRAINING,
    {
      id: 'more-than-longer-training',
      claim:
        'The gain is not just longer training: RefConv gains more than the baseline trained as long as both stages.',
      source: 'asked by readers; not in the paper',
      ...gainOver('baseline, as long as both stages'),
    },
  ],
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
  costs: {
    cores: { runs: 12, seconds: 43_694, machine: 'one core of an AMD EPYC, beside other work' },
    pocket: { runs: 20, seconds: 318, machine: 'an AMD EPYC, two runs at a time' },
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
