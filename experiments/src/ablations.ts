#!/usr/bin/env node
/**
 * What makes RefConv work: the pretrained basis, and that it is frozen.
 *
 * Claim: training the pretrained network again hardly helps, nor does finetuning by a small learning rate; a random frozen basis is slightly
 *   better than the baseline on MobileNetV2 and clearly worse on ResNet-18; a trainable pretrained basis is no better than a frozen one,
 *   a trainable random one worse.
 * Not known of the paper: finetuning's learning rate (a hundredth of the baseline's here), and whether layers without RefConv are
 *   pretrained where the basis is random (they are here).
 * Cost. On a GPU, not measured: `paper` 14 runs of 105 epochs on ImageNet, `cifar` 70 on CIFAR-10. On 2 cores: `cores` 21 runs of
 *   MobileNetV1, not measured yet; `pocket` 28 runs, 14
 *   minutes, measured (811 s on an AMD EPYC, two runs at a time), with ResNet-20 in the place of ResNet-18, which has no narrow form; `smoke`
 *   4 runs, under 2 minutes.
 * Command: node experiments/dist/ablations.js --preset smoke
 */
import type { Arm, Experiment } from './experiment.js';
import { CORES_NETWORKS, presets } from './presets.js';
import { script } from './script.js';

const refconv = (options: Record<string, string | boolean> = {}): Arm => ({
  after: 'baseline',
  method: { id: 'refconv', options },
});

export const experiment: Experiment = {
  name: 'ablations',
  claim: 'The pretrained basis makes RefConv work, and it is best frozen.',
  baseline: 'baseline',
  arms: {
    baseline: {},
    retraining: { after: 'baseline' },
    finetuning: {
      after: 'baseline',
      recipe: ({ learningRate }) => ({ learningRate: learningRate / 100 }),
      fixedRate: true,
    },
    'frozen random basis': refconv({ basis: 'random' }),
    'trainable pretrained basis': refconv({ trainableBasis: true }),
    'trainable random basis': refconv({ basis: 'random', trainableBasis: true }),
    refconv: refconv(),
  },
  presets: presets({
    networks: ['mobilenetv2', 'resnet18'],
    cores: CORES_NETWORKS,
    pocket: ['resnet20_cifar', 'mobilenetv2'],
    changes: { cores: { seeds: [4, 5, 6] } },
    smokeArms: ['baseline', 'finetuning', 'trainable random basis', 'refconv'],
  }),
};

await script(import.meta.url, experiment);
