/** What the experiments of segmentation and detection have in common: their networks, recipes, and the arms and claims of both readings. */
import { type Claim, paperRecipe } from '@refconv/runs';
import type { Recipe } from '@refconv/training';
import { refconv } from './arms.js';
import { type Arm, bothStages } from './experiment.js';

export const NETWORKS = [{ id: 'mobilenetv1' }, { id: 'mobilenetv2' }, { id: 'mobilenetv3_large_torchvision' }];

/** A small network with ImageNet weights that somebody published. */
export const PUBLISHED = {
  networks: [{ id: 'mobilenetv1', width: 0.25, activation: 'relu' as const }],
  weights: {
    file: 'mobilenetv1_0.25_relu_imagenet.safetensors',
    sha256: '71ae6a2012ebbab5c8da413829e029969d5165732268302b6a50b012e4ef515a',
  },
};

/** A task's recipe as specs have it: its transform changes the images, and the seed stands beside it. */
export const recipeOf =
  ({ seed: _, ...usual }: Recipe) =>
  (changes: { epochs?: number } = {}) =>
    paperRecipe({ ...usual, augment: { crop: 0, flip: false }, ...changes });

/** RefConv within the task, over a trained network, and its controls. */
export const within: Record<string, Arm> = {
  baseline: {},
  'baseline, as long as both stages': { recipe: bothStages },
  retraining: { after: 'baseline' },
  refconv: refconv(),
};

/** RefConv before it: a classifier that is refocused, merged and transferred, and its controls. */
export const transferred: Record<string, Arm> = {
  classifier: { classifier: true },
  'classifier, retrained': { classifier: true, after: 'classifier' },
  'classifier, refocused': { ...refconv(), classifier: true, after: 'classifier' },
  'over the classifier': { after: 'classifier', firstStage: true },
  'over the retrained classifier': { after: 'classifier, retrained', firstStage: true },
  'over the refocused classifier': { after: 'classifier, refocused', firstStage: true },
};

/** Of a task whose networks are called so, and are compared by this measure. */
export function claimsOf(
  task: string,
  network: string,
  name: string,
  measure: NonNullable<Claim['arms']>['measure'],
): Claim[] {
  const above = (arm: string, ...against: string[]) => ({ arms: { arm, against, measure }, expected: { above: 0 } });
  return [
    {
      id: `${task}-gain`,
      claim: `RefConv over a trained ${network} raises its ${name}.`,
      source: 'abstract of the journal version; network, data and numbers are not known',
      ...above('refconv', 'baseline'),
    },
    {
      id: `${task}-more-than-longer-training`,
      claim: `It does so more than training the ${network} as long without RefConv.`,
      source: 'ours, to that claim',
      ...above('refconv', 'retraining', 'baseline, as long as both stages'),
    },
    {
      id: `${task}-over-refocused-classifier`,
      claim: `A ${network} over a refocused classifier is better than over one that was trained as long without RefConv.`,
      source: 'ours, to that claim in its other reading',
      ...above('over the refocused classifier', 'over the classifier', 'over the retrained classifier'),
    },
  ];
}
