/** The paper's claims, and the numbers that they are about. */
import type { LedgerRow } from '@refconv/runs';
import type { Expectation } from './verdict.js';

/** A number of two runs of one seed: the first beside the second. */
export interface Measure {
  name: string;
  unit: string;
  /** Counted, not measured: the same for each seed, and one seed decides. */
  exact?: boolean;
  of: (run: LedgerRow, other: LedgerRow) => number;
}

const more = (column: keyof LedgerRow) => (run: LedgerRow, other: LedgerRow) =>
  100 * (Number(run[column]) / Number(other[column]) - 1);

export const MEASURES = {
  top1: {
    name: 'top-1',
    unit: 'points',
    of: (run, other) => 100 * (Number(run.top1) - Number(other.top1)),
  },
  meanIou: {
    name: 'mean IoU',
    unit: 'points',
    of: (run, other) => 100 * (Number(run.mean_iou) - Number(other.mean_iou)),
  },
  ap: {
    name: 'AP',
    unit: 'points',
    of: (run, other) => 100 * (Number(run.ap) - Number(other.ap)),
  },
  parameters: {
    name: 'parameters when merged',
    unit: '',
    exact: true,
    of: (run, other) => Number(run.parameters) - Number(other.parameters),
  },
  flops: { name: 'FLOPs a step', unit: '%', exact: true, of: more('flops_per_step') },
} as const satisfies Record<string, Measure>;

/** What one analysed network says to claims; a number that was not measured is left out. */
export interface AnalysisNumbers {
  /** Mean over the layers of how far Σ|W_r| off the diagonal is above its start. */
  connectivity?: number;
  /** Mean over the layers of KL(W_t) − KL(W_b), of kernels as they are and of norm 1; nats. */
  redundancy?: number;
  redundancyUnitNorm?: number;
  /** Share of the landscape that lies within 1 nat of the centre: RefConv's minus the baseline's, in points. */
  landscape?: number;
  /**
   * Mean over the layers of the share of a depthwise kernel's magnitude in the row and the column through its centre, and in the centre: W_t's minus
   * W_b's, and minus that of the control's kernel; in points.
   */
  cross?: number;
  crossOfControl?: number;
  centre?: number;
  centreOfControl?: number;
  /** The eps that an image withstands, the mean over the images: RefConv's minus the baseline's and the control's, in 1/255. */
  robustness?: number;
  robustnessOfControl?: number;
}

/** What a method costs beside the plain network that was measured with it: ratios of a round each, or of memory of a pair of processes each. */
export interface CostRatios {
  batchSize: number;
  time: number[];
  /** None of a GPU. */
  memory: number[];
  /** Share of the machine that others used meanwhile, where that was enough to disturb. */
  disturbed?: number;
}

/** "Negligible" in percent: the paper names no number. */
const NEGLIGIBLE = 5;

export interface Claim {
  /** In our words. */
  claim: string;
  /** Where the paper has it, or who asks. */
  source: string;
  /** The script of experiments/ that measures it; left out where none does. */
  experiment?: string;
  /** Others whose runs have the same arms. */
  alsoIn?: readonly string[];
  /** Of arms of the experiment: each of `against` is what the arm is compared with, seed by seed. */
  arms?: { arm: string; against: readonly string[]; measure: keyof typeof MEASURES; networks?: readonly string[] };
  /** Or of a number of analysed networks. */
  analysis?: keyof AnalysisNumbers;
  /** Or of what the experiment's arm `refconv` costs. */
  cost?: 'time' | 'memory';
  expected: Expectation;
}

/** All experiments whose runs may say something to a claim. */
export const experimentsOf = ({ experiment, alsoIn = [] }: Claim): string[] =>
  experiment === undefined ? [] : [experiment, ...alsoIn];

const refconv = (...against: string[]) => ({ arm: 'refconv', against, measure: 'top1' as const });

/** The claim that `npm start` is about. */
export const MORE_THAN_RETRAINING: Claim = {
  claim: 'RefConv gains more than training the pretrained network again.',
  source: 'ablation: retraining',
  experiment: 'ablations',
  alsoIn: ['controls'],
  arms: refconv('retraining'),
  expected: { above: 0 },
};

/** What the paper says (arXiv 2310.10563), and what its readers ask; a number that is not known is not invented. */
export const CLAIMS: readonly Claim[] = [
  {
    claim: 'RefConv raises the accuracy of every network.',
    source: 'first table (ImageNet)',
    experiment: 'imagenet-table',
    alsoIn: ['controls'],
    arms: refconv('baseline'),
    expected: { above: 0 },
  },
  {
    claim:
      'After merging, inference costs what it cost before: the network has as many parameters, in the same architecture.',
    source: 'method; first table',
    experiment: 'imagenet-table',
    alsoIn: ['controls'],
    arms: { ...refconv('baseline'), measure: 'parameters' },
    expected: { equals: 0 },
  },
  {
    claim: `The map adds next to nothing to the FLOPs of a training step (less than ${NEGLIGIBLE} %, as we read it).`,
    source: 'first table; training cost',
    experiment: 'imagenet-table',
    alsoIn: ['controls'],
    arms: { ...refconv('baseline'), measure: 'flops' },
    expected: { below: NEGLIGIBLE },
  },
  {
    claim: `Training takes hardly more memory (less than ${NEGLIGIBLE} %, as we read it).`,
    source: 'first table; training cost',
    experiment: 'cost',
    cost: 'memory',
    expected: { below: NEGLIGIBLE },
  },
  {
    claim: `Training takes hardly longer (less than ${NEGLIGIBLE} %, as we read it).`,
    source: 'first table; training cost',
    experiment: 'cost',
    cost: 'time',
    expected: { below: NEGLIGIBLE },
  },
  {
    claim: 'RefConv gains more than the weight re-parameterisations WN, CWN and OWN.',
    source: 'comparison on ResNet-18 and MobileNetV2',
    experiment: 'comparison',
    arms: refconv('wn', 'cwn', 'own'),
    expected: { above: 0 },
  },
  {
    claim: 'RefConv gains more than the structural re-parameterisations ACB, RepVGG and DBB.',
    source: 'comparison on ResNet-18 and MobileNetV2',
    experiment: 'comparison',
    arms: refconv('acb', 'repvgg', 'dbb'),
    expected: { above: 0 },
  },
  {
    claim: 'A training step of RefConv needs fewer FLOPs than one of ACB, RepVGG and DBB.',
    source: 'comparison on ResNet-18 and MobileNetV2',
    experiment: 'comparison',
    arms: { ...refconv('acb', 'repvgg', 'dbb'), measure: 'flops' },
    expected: { below: 0 },
  },
  MORE_THAN_RETRAINING,
  {
    claim: 'RefConv gains more than finetuning by a small learning rate.',
    source: 'ablation: finetuning',
    experiment: 'ablations',
    arms: refconv('finetuning'),
    expected: { above: 0 },
  },
  {
    claim: 'RefConv needs the pretrained basis: a frozen random one is worse.',
    source: 'ablation: basis',
    experiment: 'ablations',
    arms: refconv('frozen random basis'),
    expected: { above: 0 },
  },
  {
    claim: 'With a frozen random basis ResNet-18 is worse than its baseline.',
    source: 'ablation: basis',
    experiment: 'ablations',
    arms: { arm: 'frozen random basis', against: ['baseline'], measure: 'top1', networks: ['resnet18'] },
    expected: { below: 0 },
  },
  {
    claim: 'With a frozen random basis MobileNetV2 is slightly better than its baseline.',
    source: 'ablation: basis',
    experiment: 'ablations',
    arms: { arm: 'frozen random basis', against: ['baseline'], measure: 'top1', networks: ['mobilenetv2'] },
    expected: { above: 0 },
  },
  {
    claim: 'The basis is best frozen: training the pretrained one too is no better.',
    source: 'ablation: basis',
    experiment: 'ablations',
    arms: refconv('trainable pretrained basis'),
    expected: { above: 0 },
  },
  {
    claim: 'A trainable random basis is worse than RefConv.',
    source: 'ablation: basis',
    experiment: 'ablations',
    arms: refconv('trainable random basis'),
    expected: { above: 0 },
  },
  {
    claim: 'The gain is not just longer training: RefConv gains more than the baseline trained twice as long.',
    source: 'asked by readers; not in the paper',
    experiment: 'controls',
    arms: refconv('baseline, as long as both stages'),
    expected: { above: 0 },
  },
  {
    claim: 'RefConv over a trained segmenter raises its mean IoU.',
    source: 'abstract of the journal version; network, data and numbers are not known',
    experiment: 'segmentation',
    arms: { arm: 'refconv', against: ['baseline'], measure: 'meanIou' },
    expected: { above: 0 },
  },
  {
    claim: 'It does so more than training the segmenter as long without RefConv.',
    source: 'ours, to that claim',
    experiment: 'segmentation',
    arms: { arm: 'refconv', against: ['retraining', 'baseline, as long as both stages'], measure: 'meanIou' },
    expected: { above: 0 },
  },
  {
    claim: 'A segmenter over a refocused classifier is better than over one that was trained as long without RefConv.',
    source: 'ours, to that claim in its other reading',
    experiment: 'segmentation',
    arms: {
      arm: 'over the refocused classifier',
      against: ['over the classifier', 'over the retrained classifier'],
      measure: 'meanIou',
    },
    expected: { above: 0 },
  },
  {
    claim: 'RefConv over a trained detector raises its AP.',
    source: 'abstract of the journal version; network, data and numbers are not known',
    experiment: 'detection',
    arms: { arm: 'refconv', against: ['baseline'], measure: 'ap' },
    expected: { above: 0 },
  },
  {
    claim: 'It does so more than training the detector as long without RefConv.',
    source: 'ours, to that claim',
    experiment: 'detection',
    arms: { arm: 'refconv', against: ['retraining', 'baseline, as long as both stages'], measure: 'ap' },
    expected: { above: 0 },
  },
  {
    claim: 'A detector over a refocused classifier is better than over one that was trained as long without RefConv.',
    source: 'ours, to that claim in its other reading',
    experiment: 'detection',
    arms: {
      arm: 'over the refocused classifier',
      against: ['over the classifier', 'over the retrained classifier'],
      measure: 'ap',
    },
    expected: { above: 0 },
  },
  {
    claim: 'RefConv ties a kernel channel to the others: off the diagonal W_r is stronger than it starts.',
    source: 'figure on connectivity',
    experiment: 'connectivity',
    analysis: 'connectivity',
    expected: { above: 0 },
  },
  {
    claim:
      'RefConv reduces the redundancy of channels: kernels of W_t differ more than those of W_b (KL, as the paper measures it).',
    source: 'figure on redundancy',
    experiment: 'redundancy',
    analysis: 'redundancy',
    expected: { above: 0 },
  },
  {
    claim: 'The same with kernels scaled to norm 1, as the paper’s measure also follows their scale.',
    source: 'ours, to that figure',
    experiment: 'redundancy',
    analysis: 'redundancyUnitNorm',
    expected: { above: 0 },
  },
  {
    claim: 'RefConv smooths the loss landscape: a larger share of it lies within 1 nat of the centre.',
    source: 'figure on the loss landscape (CIFAR-10)',
    experiment: 'landscape',
    analysis: 'landscape',
    expected: { above: 0 },
  },
  {
    claim:
      'RefConv strengthens the skeletons of kernels: more of W_t’s weight than of W_b’s lies in the row and the column through the centre.',
    source: 'abstract of the journal version; its measure is not known',
    experiment: 'skeletons',
    analysis: 'cross',
    expected: { above: 0 },
  },
  {
    claim: 'It does so more than training the network again without RefConv.',
    source: 'ours, to that claim',
    experiment: 'skeletons',
    analysis: 'crossOfControl',
    expected: { above: 0 },
  },
  {
    claim: 'More of W_t’s weight than of W_b’s lies in the centre alone.',
    source: 'ours, to that claim',
    experiment: 'skeletons',
    analysis: 'centre',
    expected: { above: 0 },
  },
  {
    claim: 'More of it lies there than after training the network again without RefConv.',
    source: 'ours, to that claim',
    experiment: 'skeletons',
    analysis: 'centreOfControl',
    expected: { above: 0 },
  },
  {
    claim:
      'RefConv improves accuracy under adversarial attacks: images withstand a larger eps (the area under the curve of the accuracy).',
    source: 'abstract of the journal version; its protocol is not known',
    experiment: 'robustness',
    analysis: 'robustness',
    expected: { above: 0 },
  },
  {
    claim: 'It does so more than training the network again without RefConv.',
    source: 'ours, to that claim',
    experiment: 'robustness',
    analysis: 'robustnessOfControl',
    expected: { above: 0 },
  },
];
