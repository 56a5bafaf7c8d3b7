#!/usr/bin/env node
/** RefConv beside six other re-parameterisations. */
import { paperRecipe } from '@refconv/runs';
import { gainOver } from './claims.js';
import { type Arm, bothStages, type Experiment } from './experiment.js';
import { CORES_NETWORKS, presets } from './presets.js';
import { script } from './script.js';

const rival = (id: string): Arm => ({ method: { id, start: 'scratch' }, recipe: bothStages });

export const experiment: Experiment = {
  name: 'comparison',
  question: 'Does RefConv gain more than other re-parameterisations, and at what cost of training?',
  source: 'comparison on ResNet-18 and MobileNetV2',
  details:
    "RefConv trains the baseline's schedule twice. The others train from scratch, as their authors do, for as many epochs in one schedule; so does " +
    "the baseline in the row 'baseline, as long as both stages'. In the preset pocket ResNet-20 stands in the place of ResNet-18, which has no narrow form.",
  claims: [
    {
      id: 'more-than-weight-methods',
      claim: 'RefConv gains more than the weight re-parameterisations WN, CWN and OWN.',
      source: 'comparison on ResNet-18 and MobileNetV2',
      ...gainOver('wn', 'cwn', 'own'),
    },
    {
      id: 'more-than-structural-methods',
      claim: 'RefConv gains more than the structural re-parameterisations ACB, RepVGG and DBB.',
      source: 'comparison on ResNet-18 and MobileNetV2',
      ...gainOver('acb', 'repvgg', 'dbb'),
    },
    {
      id: 'fewer-flops-than-structural-methods',
      claim: 'A training step of RefConv needs fewer FLOPs than one of ACB, RepVGG and DBB.',
      source: 'comparison on ResNet-18 and MobileNetV2',
      arms: { arm: 'refconv', against: ['acb', 'repvgg', 'dbb'], measure: 'flops' },
      expected: { below: 0 },
    },
  ],
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
  costs: { pocket: { runs: 36, seconds: 2419, machine: 'an AMD EPYC, two runs at a time' } },
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
