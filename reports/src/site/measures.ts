/** The numbers that claims are about: of trainings, of analysed networks, of costs. */
import type { Claim, LedgerRow } from '@refconv/runs';

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

export const MEASURES: Record<NonNullable<Claim['arms']>['measure'], Measure> = {
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
};

/** A number of a network: the mean of a column over the rows of its analysis, which has one for each layer or one in all. */
interface AnalysisMeasure {
  name: string;
  unit: string;
  analysis: string;
  column: string;
  /** What the column is compared with where a claim names no other arm, and what the two are called, where not the arm and its start. */
  start?: { column: string; compared?: string };
  scale?: number;
}

export type AnalysisMeasureName = NonNullable<Claim['analysis']>['measure'];

const KERNELS = 'W_t − W_b';

export const ANALYSIS_MEASURES: Record<AnalysisMeasureName, AnalysisMeasure> = {
  /** How far Σ|W_r| off the diagonal is above its start. */
  connectivity: {
    ...{ name: 'mean Σ|W_r| off the diagonal', unit: '', analysis: 'connectivity', column: 'off_diagonal_mean' },
    start: { column: 'initial_mean' },
  },
  /** KL(W_t) − KL(W_b), of kernels as they are and of norm 1. */
  redundancy: {
    ...{ name: 'mean KL', unit: 'nats', analysis: 'redundancy', column: 'transformed' },
    start: { column: 'basis', compared: KERNELS },
  },
  redundancyUnitNorm: {
    ...{ name: 'mean KL, norm 1', unit: 'nats', analysis: 'redundancy', column: 'transformed_unit_norm' },
    start: { column: 'basis_unit_norm', compared: KERNELS },
  },
  /** The share of the landscape that lies within 1 nat of the centre. */
  landscape: {
    ...{ name: 'share within 1 nat', unit: 'points', analysis: 'landscape', column: 'wide_share' },
    scale: 100,
  },
  /** The share of a depthwise kernel's magnitude in the row and the column through its centre, and in the centre. */
  cross: {
    ...{ name: 'share of the row and column through the centre', unit: 'points' },
    ...{ analysis: 'skeletons', column: 'transformed_cross', scale: 100 },
    start: { column: 'basis_cross', compared: KERNELS },
  },
  centre: {
    ...{ name: 'share of the centre', unit: 'points' },
    ...{ analysis: 'skeletons', column: 'transformed_centre', scale: 100 },
    start: { column: 'basis_centre', compared: KERNELS },
  },
  /** The eps that an image withstands, the mean over the images. */
  robustness: { name: 'mean eps withstood', unit: '/255', analysis: 'robustness', column: 'mean_eps' },
};

/** A measure of one network of one seed. */
export interface AnalysisNumber {
  measure: AnalysisMeasureName;
  /** Of which the network is; grids of older files do not say. */
  arm?: string;
  seed: number;
  value: number;
  /** Above what its method started from. */
  change?: number;
}

/** What a method costs beside the plain network that was measured with it: ratios of a round each, or of memory of a pair of processes each. */
export interface CostRatios {
  batchSize: number;
  time: number[];
  /** None of a GPU. */
  memory: number[];
  /** Counted, so that there is one; none of files from before there was a count. */
  flops: number[];
  /** Share of the machine that others used meanwhile, where that was enough to disturb. */
  disturbed?: number;
}
