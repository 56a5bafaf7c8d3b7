#!/usr/bin/env node
/** How large an attack the networks withstand, on the same test images. */
import { controlledArms } from './analysis.js';
import type { Experiment } from './experiment.js';
import { CORES_NETWORKS, presets, sized } from './presets.js';
import { script } from './script.js';

const networks = ['mobilenetv1', 'mobilenetv2'];
const robustness = (images: number | null) => ({ id: 'robustness' as const, images });

export const experiment: Experiment = {
  name: 'robustness',
  question: 'Does RefConv improve accuracy under adversarial attacks?',
  source: 'abstract of the journal version (doi 10.1109/TNNLS.2025.3552654)',
  notKnown: 'networks, data, attack, eps and numbers; whether anything was trained adversarially',
  details:
    'At the usual 8/255 every network that was not trained adversarially is at 0 %, so the table has a curve of the accuracy over eps (PGD-20, L∞, ' +
    'without a random start, as TRADES measures), and the median and the mean of the smallest eps that breaks an image. Clean accuracy stands beside it, ' +
    'as an undertrained network looks robust. --set recipe.adversarial.eps=8 trains all adversarially, by FGSM with a random start; other attacks: ' +
    '--set analysis.attack=apgd. An analysis can be split: --set parts=8 makes 8 runs of each, a Slurm array or a queue.',
  claims: [
    {
      id: 'robustness',
      claim:
        'RefConv improves accuracy under adversarial attacks: images withstand a larger eps (the area under the curve of the accuracy).',
      source: 'abstract of the journal version; its protocol is not known',
      analysis: { measure: 'robustness', arm: 'refconv', against: 'baseline' },
      expected: { above: 0 },
    },
    {
      id: 'robustness-more-than-retraining',
      claim: 'It does so more than training the network again without RefConv.',
      source: 'ours, to that claim',
      analysis: { measure: 'robustness', arm: 'refconv', against: 'retraining' },
      expected: { above: 0 },
    },
  ],
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
