#!/usr/bin/env node
/**
 * RefConv beside six other re-parameterisations, on ResNet-18 and MobileNetV2.
 *
 * Claim: weight re-parameterisations (WN, CWN, OWN) gain next to nothing, structural ones (ACB, RepVGG, DBB) gain at a large cost of
 *   training, RefConv gains most at almost none.
 * Budget: RefConv trains the baseline's schedule twice. The others train from scratch, as their authors do, for as many epochs in one
 *   schedule; so does the baseline in the row `baseline, as long as both stages`.
 * Cost. On a GPU, not measured: `paper` 18 runs of 105 or 210 epochs on ImageNet, `cifar` 90 on CIFAR-10. On 2 cores: `cores` 27 runs of
 *   MobileNetV1 of 10 to 30 epochs, not measured yet; `pocket` 36 runs, 40
 *   minutes, measured (2,419 s on an AMD EPYC, two runs at a time), with ResNet-20 in the place of ResNet-18, which has no narrow form; `smoke`
 *   4 runs, under 2 minutes.
 * Command: node experiments/dist/comparison.js --preset smoke
 */
import { paperRecipe } from '@refconv/runs';
import { type Arm, bothStages, type Experiment } from './experiment.js';
import { CORES_NETWORKS, presets } from './presets.js';
import { script } from './script.js';

const rival = (id: string): Arm => ({ method: { id, start: 'scratch' }, recipe: bothStages });

export const experiment: Experiment = {
  name: 'comparison',
  claim: 'RefConv gains most, at almost no cost of training.',
  baseline: 'baseline',
  arms: {
    baseline: {},
    'baseline, as long as both stages': { recipe: bothStages },
    wn: rival('wn'),
    cwn: rival('cwn'),
    own: rival('own'),
    acb: rival('acb'),
    repvgg: rival('repvgg'),
    dbb: rival('dbb'),
    refconv: { after: 'baseline', method: { id: 'refconv' } },
  },
  presets: presets({
    networks: ['resnet18', 'mobilenetv2'],
    cores: CORES_NETWORKS,
    pocket: ['resnet20_cifar', 'mobilenetv2'],
    // Of nine arms 145 epochs each would take days.
    changes: {
      cores: {
        recipe: paperRecipe({ batchSize: 128, epochs: 20, warmUpEpochs: 1 }),
        refocusing: { epochs: 10, warmUpEpochs: 0.5 },
      },
    },
    smokeArms: ['baseline', 'wn', 'repvgg', 'refconv'],
  }),
};

await script(import.meta.url, experiment);
