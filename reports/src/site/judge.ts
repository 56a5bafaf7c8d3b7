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
  /** Seeds that the grid has; left out: where its values are of none. */
  planned?: number;
  /** A count, which has no spread. */
  exact?: boolean;
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
  /** Comparisons that it needs and nobody has made, such as 'mobilenetv1, refconv − dbb': without them it cannot agree. */
  missing: string[];
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
  const all = [
    ...(arms ? experiments.filter(measures).flatMap((experiment) => findingsOf(claim, arms, experiment)) : []),
    ...numbers
      .filter(({ experiment }) => measures(experiment))
      .flatMap((network) => [...analysisFinding(claim, network), ...costFindings(claim, network)]),
  ];
  const largest = Math.min(...all.filter(({ experiment }) => !objection(experiment)).map(size));
  const findings = all
    .map((finding) => {
      const why = objection(finding.experiment) ?? (size(finding) > largest ? 'smaller' : undefined);
      return { ...finding, counts: !why, ...(why && { why }) };
    })
    .sort((a, b) => Number(b.counts) - Number(a.counts) || size(a) - size(b) || b.interval.n - a.interval.n);
  const counting = findings.filter(({ counts }) => counts);
  const missing = arms ? missingOf(arms, counting) : [];
  const found = overallVerdict(counting.map(({ verdict }) => verdict));
  return { claim, verdict: found === 'agrees' && missing.length > 0 ? 'undecided' : found, findings, missing };
}

/** Of the networks of all grids that count. */
function missingOf({ arm, against, networks: only }: NonNullable<Claim['arms']>, counting: readonly Finding[]) {
  const made = counting.filter(({ compared }) => against.some((other) => compared === comparedText(arm, other)));
  const networks = new Set(made.flatMap(({ experiment }) => experiment.grid.rows.map(({ network }) => network)));
  const needed = [...networks]
    .filter((network) => !only || only.includes(network))
    .flatMap((network) => against.map((other) => ({ network, compared: comparedText(arm, other) })));
  return needed
    .filter((each) => !made.some((other) => other.network === each.network && other.compared === each.compared))
    .map(({ network, compared }) => `${network}, ${compared}`);
}

const comparedText = (arm: string, other: string) => `${arm} − ${other}`;

const plannedSeeds = ({ grid }: Measured, network: string) =>
  new Set(grid.rows.filter((row) => row.network === network).map(({ seed }) => seed)).size;

/** Points and percents with two digits, as in the experiments' tables. */
export const number = ({ unit }: Pick<Finding, 'unit'>, value: number) =>
  ['points', '%'].includes(unit) ? signed(value) : `${value < 0 ? '−' : '+'}${four(Math.abs(value))}`;

/** The interval of a finding. */
export function rangeText(finding: Pick<Finding, 'unit' | 'interval' | 'exact'>): string {
  const { low, high } = finding.interval;
  if (low === undefined || high === undefined) return 'none of one';
  return finding.exact && low === high ? 'counted' : `${number(finding, low)} to ${number(finding, high)}`;
}

/** How many values it is of, such as '2 of 3' seeds or '12 rounds'. */
export const seedsText = ({ interval: { n }, planned = 0, values }: Pick<Finding, 'interval' | 'planned' | 'values'>) =>
  [n, ...(planned > n ? [`of ${planned}`] : []), ...(values ? [values] : [])].join(' ');

/** What it needs and has not, in parts of a sentence: one or none. */
export const missingTexts = ({ missing }: Pick<Judgement, 'missing'>) =>
  missing.length > 0 ? [`not measured: ${missing.join('; ')}`] : [];

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
        return [
          {
            ...{ experiment, network, compared: comparedText(arm, other), measure: name, unit, interval },
            ...{ planned: plannedSeeds(experiment, network), ...(exact && { exact }) },
            verdict: exact ? verdictOf(interval, expected) : measuredVerdict(interval, expected),
          },
        ];
      }),
    );
}

/** Seeds that differ by exactly the same have shown no spread, and an interval without any would decide everything. */
const measuredVerdict = (interval: Interval, expected: Claim['expected']) =>
  interval.n > 1 && interval.deviation === 0 ? 'undecided' : verdictOf(interval, expected);

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
  const compared = (against === undefined && start?.compared) || comparedText(arm, against ?? 'its start');
  const planned = plannedSeeds(experiment, network);
  const verdict = measuredVerdict(interval, expected);
  return [{ experiment, network, compared, measure, unit, interval, planned, verdict }];
}

/** What the ratios of a cost are of. */
const COSTS: Record<
  NonNullable<Claim['cost']>['measure'],
  { name: string; values?: Finding['values']; exact?: boolean }
> = {
  time: { name: 'time of a step', values: 'rounds' },
  memory: { name: 'peak memory', values: 'processes' },
  flops: { name: MEASURES.flops.name, exact: true },
};

/** Of each batch size: by how many percent the ratios are above one. */
function costFindings({ cost, expected }: Claim, { experiment, network, costs }: AnalysisFindings[number]): Found[] {
  if (!cost) return [];
  const { name: measure, exact, values } = COSTS[cost.measure];
  return costs.flatMap(({ arm, batchSize, disturbed, ...ratios }) => {
    const percents = ratios[cost.measure].map((ratio) => 100 * (ratio - 1));
    const interval = arm === cost.arm && (exact ? exactInterval(percents) : meanInterval(percents));
    if (!interval) return [];
    const others =
      disturbed === undefined || exact
        ? ''
        : `, disturbed: others used ${Math.round(100 * disturbed)} % of the machine`;
    const compared = `${arm} ÷ plain, batch ${batchSize}${others}`;
    const what = { experiment, network, compared, measure, unit: '%', interval };
    const verdict = verdictOf(interval, expected);
    return [{ ...what, ...(values && { values }), ...(exact && { exact }), verdict }];
  });
}
