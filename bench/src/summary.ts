/** From measurements to figures: medians, ratios, targets, shares of the machine's limits. */

import { mean, median, pairedRatios, type Spread, spread } from '@refconv/analysis/statistics';
import type { OperationTime } from '@refconv/tensorflow';
import { CONTESTANTS, type ContestantName, type Target } from './cases.js';
import type { CaseResult, Measurement } from './runCase.js';

export interface Row {
  contestant: ContestantName;
  /** Milliseconds a step: median, least and largest of the rounds' medians. */
  step: Spread;
  imagesPerSecond: number;
  /** Processor time of one step, over all threads. */
  cpuMilliseconds: number;
  /** Arithmetic of the convolutions and the classifier, forward and backward, in 10⁹ operations a second. */
  gflops: number | undefined;
  peakMemoryMB: number;
  libraryMemoryMB: number;
  firstStepMilliseconds: number;
  /** compiled's time of a step divided by this one's, round by round. */
  ratio: Spread | undefined;
}

export interface Verdict extends Target {
  /** Undefined where one of the two was not measured. */
  found: number | undefined;
}

/** Median step of each round that counts. */
function roundMedians({ rounds }: Measurement): number[] {
  return rounds.map(({ milliseconds }) => median(milliseconds));
}

/** Multiplications and additions of one training step: the backward pass costs two forward passes. */
export function operationsPerStep(multiplyAdds: number, batch: number): number {
  return 2 * 3 * multiplyAdds * batch;
}

/** The mean share of the processors that others used; undefined where nobody ran. */
export function othersShare({ measurements }: CaseResult): number | undefined {
  const shares = Object.values(measurements).flatMap(({ rounds }) => rounds.map(({ others }) => others));
  return shares.length ? mean(shares) : undefined;
}

/** The figures of all who ran at least one round that counts. */
export function rows({ measurements, setting }: CaseResult): Row[] {
  const compiled = measurements.compiled;
  const multiplyAdds = Object.values(measurements).find(({ ready }) => ready.multiplyAdds)?.ready.multiplyAdds;
  return CONTESTANTS.flatMap((contestant) => {
    const measurement = measurements[contestant];
    if (!measurement?.rounds.length) return [];
    const { ready, rounds, stepsPerRound } = measurement;
    const medians = roundMedians(measurement);
    const step = spread(medians);
    return {
      contestant,
      step,
      imagesPerSecond: (setting.batch / step.median) * 1000,
      cpuMilliseconds: median(rounds.map(({ cpuMilliseconds }) => cpuMilliseconds / stepsPerRound)),
      gflops: multiplyAdds && operationsPerStep(multiplyAdds, setting.batch) / step.median / 1e6,
      peakMemoryMB: Math.max(...rounds.map(({ peakMemoryMB }) => peakMemoryMB)),
      libraryMemoryMB: ready.libraryMemoryMB,
      firstStepMilliseconds: ready.firstStepMilliseconds,
      ratio: compiled && contestant !== 'compiled' ? pairedRatios(roundMedians(compiled), medians) : undefined,
    };
  });
}

export function verdicts(table: Row[], targets: Target[]): Verdict[] {
  const compiled = table.find(({ contestant }) => contestant === 'compiled');
  return targets.map((target) => {
    const other = table.find(({ contestant }) => contestant === target.other);
    const memory = compiled && other && compiled.peakMemoryMB / other.peakMemoryMB;
    return { ...target, found: target.measure === 'time' ? other?.ratio?.median : memory };
  });
}

/**
 * Kinds of operations by what they are for; the first that fits counts. TensorFlow's optimiser renames some (_MklNative…,
 * _Fused…). The products and sums left are the weight decay's, but for a handful of scalars.
 */
const GROUPS: [group: string, kinds: RegExp][] = [
  ['depthwise', /Depthwise/],
  ['1×1 and dense convolutions', /Conv2D|MatMul|Pointwise/],
  ['batch norm, with its activation', /BatchNorm|Statistics|Normalize/],
  ['activations', /Relu/],
  ['optimiser', /^(ResourceApply\w+|_?Mul|_?Add|_?AddV2|_?AddN)$/],
];
const OTHER = 'other';

/** Sums a profile by group, in the order of the list above. */
export function grouped(profile: OperationTime[]): { group: string; milliseconds: number }[] {
  const sums = new Map([...GROUPS.map(([group]) => group), OTHER].map((group) => [group, 0]));
  for (const { operation, milliseconds } of profile) {
    const group = GROUPS.find(([, kinds]) => kinds.test(operation))?.[0] ?? OTHER;
    sums.set(group, (sums.get(group) ?? 0) + milliseconds);
  }
  return [...sums].map(([group, milliseconds]) => ({ group, milliseconds }));
}
