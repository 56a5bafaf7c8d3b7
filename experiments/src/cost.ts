#!/usr/bin/env node
/**
 * What a training step costs with RefConv and without: parameters, FLOPs, time and peak memory, for every network and batch size.
 *
 * Claim: the extra cost of training is negligible, as the map works on kernels and not on images.
 * RefConv and the plain network step in turn, each in processes of its own; ratios are taken round by round, those of memory in three pairs of
 * fresh processes. Cases are measured one at a time, whatever --workers says. Leave the machine alone: what others use of it is in the table.
 * Cost: nothing is trained, and no images are needed. On a GPU, not measured: `paper` 96 cases at 224×224, `cifar` 96 at 32×32. On 2 cores:
 *   `cores` 32 cases at 32×32, not measured; `pocket` 64 cases at 32×32, about an hour (estimated); `smoke` 2, under half a minute. Memory is measured on CPUs alone.
 * Command: node experiments/dist/cost.js --preset smoke
 */
import type { Experiment } from './experiment.js';
import { NETWORKS, presets, sized } from './presets.js';
import { script } from './script.js';

const onGpu = { seeds: [1], analysis: { id: 'cost' as const, steps: 20 }, batchSizes: [32, 128, 256] };

export const experiment: Experiment = {
  name: 'cost',
  claim: 'A training step with RefConv costs next to nothing more.',
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
