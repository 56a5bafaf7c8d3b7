#!/usr/bin/env node
/**
 * What a training step costs with RefConv and without: parameters, FLOPs, time and peak memory, for every network and batch size.
 *
 * Claim: the extra cost of training is negligible, as the map works on kernels and not on images.
 * Each case is measured in a process of its own; one measured beside another on the same machine is disturbed, so add --workers 1, and leave the
 * machine alone.
 * Cost: nothing is trained, and no images are needed. On a GPU, not measured: `paper` 96 cases at 224×224, `cifar` 96 at 32×32. On 2 cores:
 *   `pocket` 64 cases at 32×32, about 40 minutes (estimated); `smoke` 2, under half a minute. The memory is the process's, not the GPU's.
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
      pocket: {
        networks: sized(NETWORKS, 'cifar'),
        seeds: [1],
        threads: 2,
        analysis: { id: 'cost', steps: 5 },
        batchSizes: [32, 128],
      },
      smoke: { analysis: { id: 'cost', steps: 3 }, batchSizes: [32] },
    },
  }),
};

await script(import.meta.url, experiment);
