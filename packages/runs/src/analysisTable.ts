/** The table of a grid's analyses: their rows, and of one that was split what all its parts say. */
import { readRobustness, robustnessRow } from '@refconv/analysis/robustness/curve';
import { mean } from '@refconv/analysis/statistics';
import { counted } from '@refconv/datasets/text';
import { markdownTable } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import { isDone, readAnalysis, runFolder } from './folder.js';
import type { Grid, GridRow } from './grid.js';
import { placeOf } from './place.js';
import type { AnalysisResult, AnalysisRow } from './result.js';

/** One row: which analysis, and its numbers. Those whose parts are not all done have none. */
export interface AnalysisTableRow {
  network: string;
  arm: string;
  seed: number;
  values: AnalysisRow;
  /** Of its runs: hashes, and commits with a + where files were changed. */
  specs: string[];
  commits: string[];
}

/** Split analyses that have no numbers yet, as not all of their parts are done. */
export function unfinishedParts(root: string, grid: Grid): string[] {
  return analysesOf(grid).flatMap((rows) => {
    const [first] = rows as [GridRow];
    const done = rows.filter(({ hash }) => isDone(root, hash)).length;
    const whole = done === rows.length || !PARTS[grid.runs[first.hash]?.analysis?.id ?? ''];
    return whole ? [] : [`${placeOf(first)}: ${done} of ${counted(rows.length, 'part')} done`];
  });
}

/** The rows of each analysis: its parts, the batch sizes of a cost. */
function analysesOf(grid: Grid): GridRow[][] {
  const groups = new Map<string, GridRow[]>();
  for (const row of grid.rows) {
    if (!grid.runs[row.hash]?.analysis) continue;
    groups.set(placeOf(row), [...(groups.get(placeOf(row)) ?? []), row]);
  }
  return [...groups.values()];
}

/**
 * The rows of a grid's finished analyses, in the grid's order.
 * @example
 * ```ts
 * for (const { network, arm, values } of await analysisTableOf('results', grid)) console.log(network, arm, values);
 * ```
 */
export async function analysisTableOf(root: string, grid: Grid): Promise<AnalysisTableRow[]> {
  const table: AnalysisTableRow[] = [];
  for (const rows of analysesOf(grid)) {
    const [{ network, arm, seed }] = rows as [GridRow];
    const results: AnalysisResult[] = [];
    for (const { hash } of rows) {
      const result = await readAnalysis(root, hash);
      if (result) results.push(result);
    }
    const ofParts = PARTS[grid.runs[(rows[0] as GridRow).hash]?.analysis?.id ?? ''];
    const whole = results.length === rows.length;
    const values = ofParts ? (whole ? [await ofParts(root, results)] : []) : results.flatMap((result) => result.rows);
    const specs = results.map(({ hash }) => hash);
    const commits = [
      ...new Set(results.map(({ environment: { commit, changed } }) => `${commit.slice(0, 12)}${changed ? '+' : ''}`)),
    ];
    table.push(...values.map((each) => ({ network, arm, seed, values: each, specs, commits })));
  }
  return table;
}

/** The analyses that can be split: one row of all parts' files. */
const PARTS: Record<string, (root: string, parts: readonly AnalysisResult[]) => Promise<AnalysisRow>> = {
  landscape: landscapeRow,
  robustness: async (root, parts) => {
    const [{ spec }] = parts as [AnalysisResult];
    const images = await Promise.all(parts.map(({ hash }) => readRobustness(runFolder(root, hash))));
    return robustnessRow(images.flat(), spec.analysis?.id === 'robustness' ? spec.analysis.eps : []);
  },
};

async function landscapeRow(root: string, parts: readonly AnalysisResult[]): Promise<AnalysisRow> {
  // It brings TensorFlow along, which planning and launching do without.
  const { readLandscape, sharpness } = await import('@refconv/analysis');
  const points = (await Promise.all(parts.map(({ hash }) => readLandscape(runFolder(root, hash))))).flat();
  const row: AnalysisRow = { points: points.length };
  if (points.some(({ x, y }) => x === 0 && y === 0)) {
    const found = sharpness(points);
    Object.assign(row, {
      centre: found.centre,
      least: found.least,
      mean_increase: found.meanIncrease,
      largest_increase: found.largestIncrease,
      keskar: found.keskar,
      wide_share: found.wideShare,
      curvature_x: found.curvature.x ?? '',
      curvature_y: found.curvature.y ?? '',
    });
  }
  const times = parts.flatMap(({ rows }) => rows.map(({ seconds_a_point }) => Number(seconds_a_point)));
  if (times.length > 0) row.seconds_a_point = mean(times);
  return row;
}

/** A number to read, to four digits. */
const four = (value: number) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));

/**
 * A row to read: `x`, `x_least` and `x_largest` become one text, such as `1.03 (0.97–1.15)`.
 * @example
 * ```ts
 * foldSpreads({ ratio: 1.03, ratio_least: 0.97, ratio_largest: 1.15 }); // { ratio: '1.03 (0.97–1.15)' }
 * ```
 */
export function foldSpreads(values: AnalysisRow): AnalysisRow {
  const folded = Object.entries(values).flatMap(([name, value]): [string, string | number][] => {
    if (/_(least|largest)$/.test(name) && name.replace(/_(least|largest)$/, '') in values) return [];
    const [least, largest] = [values[`${name}_least`], values[`${name}_largest`]];
    if (least === undefined || largest === undefined) return [[name, value]];
    return [[name, `${four(Number(value))} (${four(Number(least))}–${four(Number(largest))})`]];
  });
  return Object.fromEntries(folded);
}

const columnsOf = (rows: readonly AnalysisTableRow[]) => [
  ...new Set(rows.flatMap(({ values }) => Object.keys(values))),
];

/**
 * All numbers.
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * await writeFile('analysis.csv', analysisCsv(await analysisTableOf('results', grid)));
 * ```
 */
export function analysisCsv(rows: readonly AnalysisTableRow[]): string {
  const columns = columnsOf(rows);
  return stringify([
    ['network', 'arm', 'seed', ...columns, 'specs', 'commits'],
    ...rows.map(({ network, arm, seed, values, specs, commits }) => {
      const cells = columns.map((name) => values[name] ?? '');
      return [network, arm, seed, ...cells, specs.join(' '), commits.join(' ')];
    }),
  ]);
}

/**
 * The table to read, to four digits.
 * @example
 * ```ts
 * console.log(analysisMarkdown(await analysisTableOf('results', grid)));
 * ```
 */
export function analysisMarkdown(rows: readonly AnalysisTableRow[]): string {
  const shown = rows.map((row) => ({ ...row, values: foldSpreads(row.values) }));
  const columns = columnsOf(shown);
  const text = (value: string | number | undefined) => (typeof value === 'number' ? four(value) : (value ?? ''));
  const header = ['network', 'arm', 'seed', ...columns.map((name) => name.replaceAll('_', ' '))];
  const body = shown.map(({ network, arm, seed, values }) => [
    ...[network, arm, String(seed)],
    ...columns.map((name) => text(values[name])),
  ]);
  return [
    markdownTable(header, body, { texts: 2 }),
    '',
    `Commits: ${[...new Set(rows.flatMap(({ commits }) => commits))].join(', ')}; a + marks changed files.`,
    '',
  ].join('\n');
}
