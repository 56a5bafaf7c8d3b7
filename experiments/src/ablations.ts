#!/usr/bin/env node
/** What makes RefConv work. */
import { finetuning, refconv } from './arms.js';
import { gainOver, MORE_THAN_FINETUNING, MORE_THAN_RETRAINING } from './claims.js';
import type { Experiment } from './experiment.js';
import { CORES_NETWORKS, presets } from './presets.js';
import { script } from './script.js';

export const experiment: Experiment = {
  name: 'ablations',
  question: 'Does the pretrained basis make RefConv work, and is it best frozen?',
  source: 'ablations of retraining, finetuning and the basis',
  notKnown:
    "finetuning's learning rate (a hundredth of the baseline's here); whether layers without RefConv are pretrained where the basis is random (they are here)",
  details: 'In the preset pocket ResNet-20 stands in the place of ResNet-18, which has no narrow form.',
  claims: [
    MORE_THAN_RETRAINING,
    MORE_THAN_FINETUNING,
    {
      id: 'pretrained-basis',
      claim: 'RefConv needs the pretrained basis: a frozen random one is worse.',
      source: 'ablation: basis',
      ...gainOver('frozen random basis'),
    },
    {
      id: 'random-basis-of-resnet18',
      claim: 'With a frozen random basis ResNet-18 is worse than its baseline.',
      source: 'ablation: basis',
      arms: { arm: 'frozen random basis', against: ['baseline'], measure: 'top1', networks: ['resnet18'] },
      expected: { below: 0 },
    },
    {
      id: 'random-basis-of-mobilenetv2',
      claim: 'With a frozen random basis MobileNetV2 is slightly better than its baseline.',
      source: 'ablation: basis',
      arms: { arm: 'frozen random basis', against: ['baseline'], measure: 'top1', networks: ['mobilenetv2'] },
      expected: { above: 0 },
    },
    {
      id: 'frozen-basis',
      claim: 'The basis is best frozen: training the pretrained one too is no better.',
      source: 'ablation: basis',
      ...gainOver('trainable pretrained basis'),
    },
    {
      id: 'trainable-random-basis',
      claim: 'A trainable random basis is worse than RefConv.',
      source: 'ablation: basis',
      ...gainOver('trainable random basis'),
    },
  ],
  baseline: 'baseline',
  arms: {
    baseline: {},
    retraining: { after: 'baseline' },
    finetuning,
    'frozen random basis': refconv({ basis: 'random' }),
    'trainable pretrained basis': refconv({ trainableBasis: true }),
    'trainable random basis': refconv({ basis: 'random', trainableBasis: true }),
    refconv: refconv(),
  },
  costs: { pocket: { runs: 28, seconds: 811, machine: 'an AMD EPYC, two runs at a time' } },
  presets: presets({
    networks: ['mobilenetv2', 'resnet18'],
    cores: CORES_NETWORKS,
    pocket: ['resnet20_cifar', 'mobilenetv2'],
    changes: { cores: { seeds: [4, 5, 6] } },
    smokeArms: ['baseline', 'finetuning', 'trainable random basis', 'refconv'],
  }),
};

await script(import.meta.url, experiment);
