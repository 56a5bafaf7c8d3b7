#!/usr/bin/env node
/**
 * How large an attack the networks withstand: baseline, retraining (as many epochs more, without RefConv) and RefConv, on the same test images.
 *
 * Claim, of the abstract of the paper's journal version (doi 10.1109/TNNLS.2025.3552654): RefConv improves accuracy under adversarial attacks.
 * Not known of the paper: networks, data, attack, eps, numbers, and whether anything was trained adversarially. At the usual 8/255 every network
 *   that was not is at 0 %, so the table has a curve of the accuracy over eps (PGD-20, L∞, without a random start, as TRADES measures), and the
 *   median and the mean of the smallest eps that breaks an image. Clean accuracy stands beside it, as an undertrained network looks robust.
 *   --set recipe.adversarial.eps=8 trains all three adversarially, by FGSM with a random start; other attacks: --set analysis.attack=apgd.
 * Cost: trainings, of which `landscape` shares those of the baseline and RefConv, and about a hundred passes forward and backward for each attacked image.
 *   On a GPU, not measured: `paper` 6 runs of 105 epochs on CIFAR-10 and 6 × 10,000 images, `cifar` 30 runs and 30 × 1,000 images. On 2 cores: `cores` 9 runs and 9 × 1,000 images; `pocket` 15 short
 *   runs and 15 × 250 images, not measured; `smoke` 3 tiny runs and 3 × 50 images, under 2 minutes.
 * An analysis can be split: --set parts=8 makes 8 runs of each, a Slurm array or a queue.
 * Command: node experiments/dist/robustness.js --preset smoke
 */
import { controlledArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { CORES_NETWORKS, presets, sized } from './presets.js';
import { script } from './script.js';

const networks = ['mobilenetv1', 'mobilenetv2'];
const robustness = (images: number | null) => ({ id: 'robustness' as const, images });

export const experiment: Experiment = {
  name: 'robustness',
  claim: 'RefConv improves accuracy under adversarial attacks.',
  baseline: 'baseline',
  arms: {
    ...controlledArms,
    'robustness of baseline': { after: 'baseline', analysed: true },
    'robustness of retraining': { after: 'retraining', analysed: true },
    'robustness of refconv': { after: 'refconv', analysed: true },
  },
  presets: presets({
    networks,
    cores: CORES_NETWORKS,
    pocket: ['mobilenetv1'],
    changes: {
      paper: { networks: sized(networks, 'cifar'), data: { name: 'cifar10' }, analysis: robustness(null) },
      cifar: { analysis: robustness(1000) },
      cores: { analysis: robustness(1000) },
      pocket: { seeds: [1, 2, 3, 4, 5], analysis: robustness(250) },
      smoke: { analysis: { ...robustness(50), steps: 5 } },
    },
  }),
};

await script(import.meta.url, experiment);
