/** What measurements say about claims. */
import { type Claim, type Interval, type LedgerRow, meanInterval } from '@refconv/runs';
import { isAsked, type ListedClaim } from './claims.js';
import { four, signed } from './format.js';
import { ANALYSIS_MEASURES, type AnalysisNumber, type CostRatios, MEASURES } from './measures.js';
import { type Measured, objection } from './objection.js';
import type { Experiment, ExperimentRun } from './read.js';
import { overallVerdict, type Verdict, verdictOf } from './verdict.js';

/** One comparison that a claim rests on. */
export interface Finding {
  experiment: Measured;
  network: string;
  /** What is compared with what. */
  compared: string;
  measure: string;
  unit: string;
  interval: Interval;
  /** What its n values are of, where not of seeds. */
  values?: 'rounds' | 'processes';
  verdict: Verdict;
  /** Whether the claim's verdict rests on it: it is of the largest size that was measured, and nothing speaks against it. */
  counts: boolean;
  /** Why not, where it does not count. */
  why?: string;
}

type Found = Omit<Finding, 'counts' | 'why'>;

export interface Judgement {
  claim: ListedClaim;
  verdict: Verdict;
  findings: Finding[];
}

/** The presets, the one that decides most first. */
const SIZES = ['paper', 'cifar', 'cores', 'pocket', 'smoke'];

function size({ experiment: { grid } }: Found): number {
  const found = SIZES.indexOf(grid.preset);
  return found < 0 ? SIZES.length : found;
}

/** What was measured of a claim, and what that says. Searches of learning rates and synthetic images are no measurement of it. */
export function judge(
  claim: ListedClaim,
  experiments: readonly Experiment[],
  numbers: AnalysisFindings = [],
): Judgement {
  const measures = ({ grid, data }: Measured) =>
    isAsked(claim, grid) && grid.kind !== 'search' && !data.includes('synthetic');
  const { arms } = claim;
  const all = arms
    ? experiments.filter(measures).flatMap((experiment) => findingsOf(claim, arms, experiment))
    : numbers
        .filter(({ experiment }) => measures(experiment))
        .flatMap((network) => [...analysisFinding(claim, network), ...costFindings(claim, network)]);
  const largest = Math.min(...all.filter(({ experiment }) => !objection(experiment)).map(size));
  const findings = all
    .map((finding) => {
      const why = objection(finding.experiment) ?? (size(finding) > largest ? 'smaller' : undefined);
      return { ...finding, counts: !why, ...(why && { why }) };
    })
    .sort((a, b) => Number(b.counts) - Number(a.counts) || size(a) - size(b));
  const verdict = overallVerdict(findings.filter(({ counts }) => counts).map(({ verdict }) => verdict));
  return { claim, verdict, findings };
}

/** Points and percents with two digits, as in the experiments' tables. */
export const number = ({ unit }: Pick<Finding, 'unit'>, value: number) =>
  ['points', '%'].includes(unit) ? signed(value) : `${value < 0 ? '−' : '+'}${four(Math.abs(value))}`;

/** The interval of a finding. */
export function rangeText(finding: Pick<Finding, 'unit' | 'interval'>): string {
  const { low, high } = finding.interval;
  if (low === undefined || high === undefined) return 'none of one';
  return low === high ? 'counted' : `${number(finding, low)} to ${number(finding, high)}`;
}

function findingsOf(
  { expected }: Claim,
  { arm, against, measure, networks }: NonNullable<Claim['arms']>,
  experiment: Experiment,
): Found[] {
  const done = (network: string, name: string) =>
    experiment.runs.filter((run) => run.network === network && run.arm === name && run.ledger);
  const { name, unit, of, exact } = MEASURES[measure];
  return [...new Set(experiment.runs.map(({ network }) => network))]
    .filter((network) => !networks || networks.includes(network))
    .flatMap((network) =>
      against.flatMap((other) => {
        const values = pairs(done(network, arm), done(network, other)).map(([run, rival]) => of(run, rival));
        const interval = exact ? exactInterval(values) : meanInterval(values);
        if (!interval) return [];
        const verdict = verdictOf(interval, expected);
        return [{ experiment, network, compared: `${arm} − ${other}`, measure: name, unit, interval, verdict }];
      }),
    );
}

/** Runs of the same seed. */
function pairs(runs: readonly ExperimentRun[], others: readonly ExperimentRun[]): [LedgerRow, LedgerRow][] {
  return runs.flatMap(({ seed, ledger }) => {
    const other = others.find((each) => each.seed === seed)?.ledger;
    return ledger && other ? [[ledger, other] as [LedgerRow, LedgerRow]] : [];
  });
}

/** Of a count: its interval is itself, whatever the number of seeds. */
function exactInterval(values: readonly number[]): Interval | undefined {
  const interval = meanInterval(values);
  if (!interval) return undefined;
  return { ...interval, low: Math.min(...values), high: Math.max(...values) };
}

/** What analyses say of a network, and what methods cost by arm. */
export type AnalysisFindings = readonly {
  experiment: Measured;
  network: string;
  numbers: readonly AnalysisNumber[];
  costs: readonly (CostRatios & { arm: string })[];
}[];

function analysisFinding(
  { analysis, expected }: Claim,
  { experiment, network, numbers }: AnalysisFindings[number],
): Found[] {
  if (!analysis) return [];
  const { arm, against } = analysis;
  const { name: measure, unit, start } = ANALYSIS_MEASURES[analysis.measure];
  const of = (name: string) =>
    numbers.filter((each) => each.measure === analysis.measure && (each.arm ?? name) === name);
  const values = of(arm).map(({ seed, value, change }) => {
    if (against === undefined) return change;
    const other = of(against).find((each) => each.seed === seed);
    return other && value - other.value;
  });
  const interval = meanInterval(values.filter((value) => value !== undefined));
  if (!interval) return [];
  const compared = (against === undefined && start?.compared) || `${arm} − ${against ?? 'its start'}`;
  return [{ experiment, network, compared, measure, unit, interval, verdict: verdictOf(interval, expected) }];
}

/** Of each batch size: by how many percent the ratios are above one. */
function costFindings({ cost, expected }: Claim, { experiment, network, costs }: AnalysisFindings[number]): Found[] {
  if (!cost) return [];
  const [measure, values] =
    cost.measure === 'time' ? ['time of a step', 'rounds' as const] : ['peak memory', 'processes' as const];
  return costs.flatMap(({ arm, batchSize, disturbed, ...ratios }) => {
    const interval = arm === cost.arm && meanInterval(ratios[cost.measure].map((ratio) => 100 * (ratio - 1)));
    if (!interval) return [];
    const others =
      disturbed === undefined ? '' : `, disturbed: others used ${Math.round(100 * disturbed)} % of the machine`;
    const compared = `${arm} ÷ plain, batch ${batchSize}${others}`;
    return [
      { experiment, network, compared, measure, unit: '%', interval, values, verdict: verdictOf(interval, expected) },
    ];
  });
}
