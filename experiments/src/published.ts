#!/usr/bin/env node
/** RefConv over a network that somebody else has trained. */
import { paperRecipe } from '@refconv/runs';
import { finetuning, matched, refconv } from './arms.js';
import { MORE_THAN_FINETUNING, MORE_THAN_RETRAINING } from './claims.js';
import type { Arm, Experiment } from './experiment.js';
import { presets, sized } from './presets.js';
import { script } from './script.js';

/** From the published weights, not from another arm's. */
const atOnce = ({ after: _, ...arm }: Arm): Arm => arm;

/** The pretrained ResNet-20 of github.com/akamaster/pytorch_resnet_cifar10: 91.73 % of CIFAR-10's test images. Its images are normalised as ImageNet's. */
const NETWORK = {
  networks: sized(['resnet20_cifar'], 'cifar'),
  data: { name: 'cifar10' as const, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  weights: {
    file: 'resnet20_cifar10.safetensors',
    sha256: '02926273efb1deadb6dc654c7087baea932ef2026d9f854680d6858146d85838',
  },
};

export const experiment: Experiment = {
  name: 'published',
  question: 'Does RefConv gain on a network that somebody else has trained, beside training it on without RefConv?',
  source: 'ours; in the paper all baselines are its own',
  details:
    'All arms start from the published weights and train as long; gains are over retraining. The published network itself is not trained: ResNet-20 has 91.73 % of ' +
    "CIFAR-10's test images. REFCONV_DATA has its weights in weights/; --set networks and weights take others. smoke starts from initial weights.",
  claims: [MORE_THAN_RETRAINING, MORE_THAN_FINETUNING],
  baseline: 'retraining',
  arms: {
    retraining: {},
    finetuning: atOnce(finetuning),
    refconv: atOnce(refconv()),
    'W_r zero, rate matched': atOnce(refconv({ init: 'zero' }, matched)),
  },
  presets: presets({
    networks: ['resnet20_cifar'],
    changes: {
      paper: NETWORK,
      cifar: NETWORK,
      cores: { ...NETWORK, recipe: paperRecipe({ epochs: 10, warmUpEpochs: 0.5, batchSize: 128 }) },
      pocket: { ...NETWORK, data: { ...NETWORK.data, train: 2000, test: 1000 } },
    },
  }),
};

await script(import.meta.url, experiment);
