/** The benchmark's result as Markdown. */

import { BUSY } from '@refconv/analysis/measurement';
import type { Spread } from '@refconv/analysis/statistics';
import { markdownTable } from '@refconv/files';
import type { OperationTime } from '@refconv/tensorflow';
import { CASES, type ContestantName } from './cases.js';
import type { Machine, MachineLimits } from './machine.js';
import type { CaseResult } from './runCase.js';
import { grouped, operationsPerStep, othersShare, type Row, rows, type Verdict, verdicts } from './summary.js';

/** Everything that a run of the benchmark found; written as JSON beside the report. */
export interface Findings {
  date: string;
  machine: Machine;
  versions: Record<string, string>;
  rounds: number;
  quick: boolean;
  limits: MachineLimits;
  cases: CaseResult[];
  /** What went wrong outside of a case, and who is missing. */
  notes: string[];
}

const PROFILE_ROWS = 12;
const NONE = '–';

function number(value: number | undefined, digits = 0): string {
  return value === undefined ? NONE : value.toFixed(digits);
}

/** Three digits that count, for times from microseconds to minutes. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function range({ median, min, max }: Spread, format: (value: number) => string): string {
  return `${format(median)} (${format(min)}–${format(max)})`;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

/** The best product of matrices of either library. */
function peakGflops(limits: MachineLimits): number | undefined {
  const found = Object.values(limits).map(({ matmulGflops }) => matmulGflops);
  return found.length ? Math.max(...found) : undefined;
}

function contestantTable(table_: Row[], peak: number | undefined): string {
  const header = [
    'contestant',
    'ms a step (rounds)',
    'compiled ÷ this (rounds)',
    'images/s',
    'CPU ms a step',
    'GFLOP/s',
    'of the peak',
    'peak memory, MB',
    'first step, s',
  ];
  const body = table_.map((row) => [
    row.contestant,
    range(row.step, short),
    row.ratio ? range(row.ratio, (value) => value.toFixed(2)) : NONE,
    number(row.imagesPerSecond),
    short(row.cpuMilliseconds),
    number(row.gflops, 1),
    row.gflops && peak ? percent(row.gflops, peak) : NONE,
    `${number(row.peakMemoryMB)} (libraries ${number(row.libraryMemoryMB)})`,
    number(row.firstStepMilliseconds / 1000, 2),
  ]);
  return markdownTable(header, body);
}

function verdictTable(found: Verdict[], busy: boolean): string {
  const body = found.map(({ measure, other, atMost, found: value }) => [
    `${measure === 'time' ? 'time of a step' : 'peak memory'}, compiled ÷ ${other}`,
    `≤ ${atMost}`,
    number(value, 2),
    value === undefined
      ? 'not measured'
      : `${value <= atMost ? 'reached' : '**missed**'}${busy ? ', on a busy machine' : ''}`,
  ]);
  return markdownTable(['target', 'aim', 'found', ''], body);
}

function profileTables(profile: OperationTime[]): string {
  const total = profile.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const groups = grouped(profile).map(({ group, milliseconds }) => [
    group,
    short(milliseconds),
    percent(milliseconds, total),
  ]);
  const kinds = profile
    .slice(0, PROFILE_ROWS)
    .map(({ operation, count, milliseconds }) => [
      operation,
      `${count}`,
      short(milliseconds),
      percent(milliseconds, total),
    ]);
  return [
    "Where the compiled step's time goes (summed over operations, which run side by side):",
    markdownTable(['group', 'ms', 'share'], groups),
    markdownTable(['operation', 'count', 'ms', 'share'], kinds),
  ].join('\n\n');
}

function caseSection(result: CaseResult, { limits, quick }: Findings): string {
  const measured = rows(result);
  const { measurements, setting, failures } = result;
  const parts = [`## Case ${result.name}: ${result.title}`];
  const { parameters, multiplyAdds } = (measurements.compiled ?? Object.values(measurements)[0])?.ready ?? {};
  if (multiplyAdds) {
    const operations = operationsPerStep(multiplyAdds, setting.batch) / 1e9;
    parts.push(
      `${parameters?.toLocaleString('en')} parameters, ${multiplyAdds.toLocaleString('en')} multiply-adds an image; a step is ` +
        `multiply-adds × 2 × 3 × ${setting.batch} = ${short(operations)} GFLOP.`,
    );
  }
  const others = othersShare(result) ?? 0;
  const busy = others >= BUSY;
  if (busy) {
    parts.push(
      `**The machine was busy:** others used ${percent(others, 1)} of the processors on average. Repeat this on an idle machine: ` +
        'programs suffer unequally, most of all PyTorch, whose threads wait for the slowest of them after every operation.',
    );
  }
  parts.push(measured.length ? contestantTable(measured, peakGflops(limits)) : 'Nobody got to the end.');
  const compiled = measurements.compiled;
  if (compiled) {
    const { buildMilliseconds, firstStepMilliseconds, warmStepMilliseconds } = compiled.ready;
    parts.push(
      `compiled: building the network ${short(buildMilliseconds)} ms; first step ${short(firstStepMilliseconds)} ms; third step ${short(warmStepMilliseconds)} ms.`,
    );
  }
  const targets = quick ? [] : (CASES[result.name]?.targets ?? []);
  if (targets.length) parts.push(verdictTable(verdicts(measured, targets), busy));
  if (compiled?.profile) parts.push(profileTables(compiled.profile));
  for (const failure of failures) parts.push('Failed:', `\`\`\`\n${failure}\n\`\`\``);
  return parts.join('\n\n');
}

function limitsTable(limits: MachineLimits): string {
  const body = Object.entries(limits).map(([library, { matmulGflops, bandwidthGBs }]) => [
    library,
    number(matmulGflops, 1),
    number(bandwidthGBs, 1),
  ]);
  return markdownTable(
    ['limit, as reached by', '1024×1024 float32 matrix product, GFLOP/s', '64M floats scaled in place, GB/s'],
    body,
  );
}

export function report(findings: Findings): string {
  const { date, machine, versions, rounds, quick, limits, cases, notes } = findings;
  const { processor, cores, memoryGB, commit } = machine;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `# Training step, ${date}`,
    `${processor}, ${cores} cores, as many threads each, ${memoryGB.toFixed(0)} GB; ${programs.join(', ')}; commit ${commit}.`,
    `Medians over ${rounds - 1} of ${rounds} rounds, least and largest in brackets.${quick ? ' Made small by --quick: good for nothing but a try.' : ''}`,
    ...notes.map((note) => `**Note:** ${note}`),
    limitsTable(limits),
    ...cases.map((result) => caseSection(result, findings)),
  ].join('\n\n');
}

/** Programs' versions as the workers told them. */
export function versionsOf(cases: CaseResult[], limits: MachineLimits): Record<string, string> {
  const workers = cases.flatMap(({ measurements }) =>
    (Object.keys(measurements) as ContestantName[]).map((name) => measurements[name]?.ready.versions),
  );
  return Object.assign({}, ...workers, ...Object.values(limits).map((limit) => limit.versions));
}
