#!/usr/bin/env node
/** What a training step costs with RefConv and without, for every network and batch size. */
import { NEGLIGIBLE, STEP_FLOPS } from './claims.js';
import type { Experiment } from './experiment.js';
import { NETWORKS, presets, sized } from './presets.js';
import { script } from './script.js';

const onGpu = { seeds: [1], analysis: { id: 'cost' as const, steps: 20 }, batchSizes: [32, 128, 256] };

export const experiment: Experiment = {
  name: 'cost',
  question: 'Does a training step with RefConv cost next to nothing more?',
  source: 'training cost: the map works on kernels and not on images',
  details:
    'Nothing is trained, and no images are needed. RefConv and the plain network step in turn, each in processes of its own; ratios are taken round by ' +
    'round, those of memory in three pairs of fresh processes. Cases are measured one at a time, whatever --workers says. Leave the machine alone: what ' +
    'others use of it is in the table. Memory is measured on CPUs alone.',
  claims: [
    {
      id: 'memory',
      claim: `Training takes hardly more memory (less than ${NEGLIGIBLE} %, as we read it).`,
      source: 'first table; training cost',
      cost: { measure: 'memory', arm: 'refconv' },
      expected: { below: NEGLIGIBLE },
    },
    {
      id: 'time',
      claim: `Training takes hardly longer (less than ${NEGLIGIBLE} %, as we read it).`,
      source: 'first table; training cost',
      cost: { measure: 'time', arm: 'refconv' },
      expected: { below: NEGLIGIBLE },
    },
    STEP_FLOPS,
  ],
  costs: { cores: { runs: 32, seconds: 5550, machine: '2 cores of an AMD EPYC' } },
  baseline: 'baseline',
  arms: { baseline: { analysed: true }, refconv: { analysed: true, method: { id: 'refconv' } } },
  presets: presets({
    networks: NETWORKS,
    changes: {
      paper: onGpu,
      cifar: onGpu,
      cores: {
        networks: sized(NETWORKS, 'cifar'),
        seeds: [1],
        threads: 2,
        analysis: { id: 'cost', steps: 12 },
        batchSizes: [128],
      },
      pocket: {
        networks: sized(NETWORKS, 'cifar'),
        seeds: [1],
        threads: 2,
        analysis: { id: 'cost', steps: 6 },
        batchSizes: [32, 128],
      },
      smoke: { analysis: { id: 'cost', steps: 1 }, batchSizes: [32] },
    },
  }),
};

await script(import.meta.url, experiment);
