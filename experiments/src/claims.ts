/** Claims that several experiments decide, and what claims of gains have in common. */
import type { Claim } from '@refconv/runs';

/** "Negligible" in percent: the paper names no number. */
export const NEGLIGIBLE = 5;

/** RefConv's top-1 lies above that of these arms. */
export const gainOver = (...against: string[]): Pick<Claim, 'arms' | 'expected'> => ({
  arms: { arm: 'refconv', against, measure: 'top1' },
  expected: { above: 0 },
});

export const GAIN: Claim = {
  id: 'gain',
  claim: 'RefConv raises the accuracy of every network.',
  source: 'first table (ImageNet)',
  ...gainOver('baseline'),
};

export const SAME_INFERENCE: Claim = {
  id: 'same-inference',
  claim:
    'After merging, inference costs what it cost before: the network has as many parameters, in the same architecture.',
  source: 'method; first table',
  arms: { arm: 'refconv', against: ['baseline'], measure: 'parameters' },
  expected: { equals: 0 },
};

export const STEP_FLOPS: Claim = {
  id: 'step-flops',
  claim: `The map adds next to nothing to the FLOPs of a training step (less than ${NEGLIGIBLE} %, as we read it).`,
  source: 'first table; training cost',
  arms: { arm: 'refconv', against: ['baseline'], measure: 'flops' },
  cost: { measure: 'flops', arm: 'refconv' },
  expected: { below: NEGLIGIBLE },
};

export const MORE_THAN_RETRAINING: Claim = {
  id: 'more-than-retraining',
  claim: 'RefConv gains more than training the pretrained network again.',
  source: 'ablation: retraining',
  ...gainOver('retraining'),
};

export const MORE_THAN_FINETUNING: Claim = {
  id: 'more-than-finetuning',
  claim: 'RefConv gains more than finetuning by a small learning rate.',
  source: 'ablation: finetuning',
  ...gainOver('finetuning'),
};
