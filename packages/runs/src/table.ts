/** An experiment's table: means over seeds, and gains over the baseline with their confidence intervals. */
import { mean, meanInterval, median } from '@refconv/analysis/statistics';
import { counted, listed } from '@refconv/datasets/text';
import { markdownTable } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import { type Grid, settingsText } from './grid.js';
import { type LedgerRow, readLedger, scoreOfRow } from './ledger.js';
import { placeOf } from './place.js';
import { otherStarts } from './starts.js';
import { versionOf } from './version.js';

export interface TableRow {
  network: string;
  arm: string;
  /** Runs that are done, and their seeds. */
  n: number;
  seeds: number[];
  /** In percent. The deviation is that of a sample (n − 1); undefined where n is too small for it. */
  top1?: number;
  top1Deviation?: number;
  top5?: number;
  top5Deviation?: number;
  meanIou?: number;
  meanIouDeviation?: number;
  ap?: number;
  apDeviation?: number;
  ap50?: number;
  ap50Deviation?: number;
  /** Over the baseline, in points of top-1, mean IoU or AP: the mean of the differences seed by seed, and its 95 % confidence interval. */
  gain?: number;
  gainLow?: number;
  gainHigh?: number;
  /** Seeds that both have. */
  pairs: number;
  /** The paper's gain, where it is known, and this one minus it, where the data are the paper's too. */
  paper?: number;
  difference?: number;
  parametersInTraining?: number;
  parameters?: number;
  flopsPerStep?: number;
  /** Of the process, in bytes: the median over seeds. */
  peakMemory?: number;
  trainSeconds?: number;
  /** The median over seeds. */
  stepMilliseconds?: number;
  specs: string[];
  commits: string[];
}

/**
 * The table of a grid's runs that are in the ledger.
 * @param leftOut runs by their hashes; default: those that started from another training of their baseline.
 * @example
 * ```ts
 * for (const { network, arm, top1, n } of await tableOf('results', grid)) console.log(network, arm, top1, n);
 * ```
 */
export async function tableOf(root: string, grid: Grid, leftOut?: Pick<Set<string>, 'has'>): Promise<TableRow[]> {
  const left = leftOut ?? (await otherStarts(root, grid));
  const ledger = await readLedger(root);
  return tableFrom(
    grid,
    ledger.filter(({ hash }) => !left.has(hash)),
  );
}

/**
 * The same of a ledger that is read already. @throws Error where the grid has runs of several results versions.
 * @example
 * ```ts
 * const rows = tableFrom(grid, await readLedger('results'));
 * ```
 */
export function tableFrom(grid: Grid, ledger: readonly LedgerRow[]): TableRow[] {
  versionOf(`The grid ${grid.name}`, Object.values(grid.runs));
  const byHash = new Map(ledger.map((row) => [row.hash, row]));
  const groups = new Map<string, Grid['rows']>();
  for (const row of grid.rows) {
    if (grid.runs[row.hash]?.analysis) continue;
    const key = JSON.stringify([row.network, row.arm]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const resultsOf = (network: string, arm: string) =>
    new Map(
      (groups.get(JSON.stringify([network, arm])) ?? []).flatMap(({ seed, hash }) => {
        const row = byHash.get(hash);
        return row ? [[seed, row] as const] : [];
      }),
    );
  return [...groups.keys()].map((key) => {
    const [network, arm] = JSON.parse(key) as [string, string];
    const bySeed = resultsOf(network, arm);
    const rows = [...bySeed.values()];
    const numbers = (name: keyof LedgerRow) => rows.map((row) => Number(row[name]));
    const percents = (name: keyof LedgerRow) =>
      rows.flatMap((row) => (row[name] === '' ? [] : [100 * Number(row[name])]));
    const baseline = arm === grid.baseline ? new Map<number, LedgerRow>() : resultsOf(network, grid.baseline);
    const differences = [...bySeed].flatMap(([seed, row]) => {
      const other = baseline.get(seed);
      // A classifier that a segmenter starts from is compared with no segmenter.
      return other && other.task === row.task ? [100 * (scoreOfRow(row) - scoreOfRow(other))] : [];
    });
    const gain = meanInterval(differences);
    const [top1, top5, meanIou, ap, ap50] = (['top1', 'top5', 'mean_iou', 'ap', 'ap50'] as const).map((name) =>
      meanInterval(percents(name)),
    );
    const paper = arm === grid.paper?.arm ? grid.paper.gains[network] : undefined;
    const comparable = !grid.changed && rows.length > 0 && rows.every(({ data }) => data === 'imagenet');
    return {
      network,
      arm,
      n: rows.length,
      seeds: [...bySeed.keys()],
      top1: top1?.mean,
      top1Deviation: top1?.deviation,
      top5: top5?.mean,
      top5Deviation: top5?.deviation,
      meanIou: meanIou?.mean,
      meanIouDeviation: meanIou?.deviation,
      ap: ap?.mean,
      apDeviation: ap?.deviation,
      ap50: ap50?.mean,
      ap50Deviation: ap50?.deviation,
      gain: gain?.mean,
      ...(gain?.low !== undefined && { gainLow: gain.low, gainHigh: gain.high }),
      pairs: differences.length,
      paper,
      ...(comparable && gain && paper !== undefined && { difference: gain.mean - paper }),
      parametersInTraining: ofAny(mean, numbers('parameters_in_training')),
      parameters: ofAny(mean, numbers('parameters')),
      flopsPerStep: ofAny(mean, numbers('flops_per_step')),
      peakMemory: ofAny(median, numbers('peak_memory')),
      trainSeconds: ofAny(median, numbers('train_seconds')),
      stepMilliseconds: ofAny(
        median,
        rows.flatMap((row) => (row.step_milliseconds ? [Number(row.step_milliseconds)] : [])),
      ),
      specs: rows.map(({ hash }) => hash),
      commits: [
        ...new Set(rows.map(({ commit, changed }) => `${commit.slice(0, 12)}${changed === 'true' ? '+' : ''}`)),
      ],
    };
  });
}

const ofAny = (statistic: (values: readonly number[]) => number, values: readonly number[]) =>
  values.length > 0 ? statistic(values) : undefined;

const percent = (value: number | undefined, digits = 2) => value?.toFixed(digits) ?? '';
const signed = (value: number | undefined) =>
  value === undefined ? '' : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
const plusMinus = (value: number | undefined, spread: number | undefined) =>
  spread === undefined ? percent(value) : `${percent(value)} ± ${percent(spread)}`;
const millions = (value: number | undefined) => (value === undefined ? '' : (value / 1e6).toFixed(2));

const CSV = [
  'network',
  'arm',
  'n',
  'seeds',
  'top1',
  'top1Deviation',
  'top5',
  'top5Deviation',
  'meanIou',
  'meanIouDeviation',
  'ap',
  'apDeviation',
  'ap50',
  'ap50Deviation',
  'gain',
  'gainLow',
  'gainHigh',
  'pairs',
  'paper',
  'difference',
  'parametersInTraining',
  'parameters',
  'flopsPerStep',
  'peakMemory',
  'trainSeconds',
  'stepMilliseconds',
  'specs',
  'commits',
] as const satisfies (keyof TableRow)[];

/**
 * The table with all its numbers.
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * await writeFile('table.csv', tableCsv(await tableOf('results', grid)));
 * ```
 */
export function tableCsv(rows: readonly TableRow[]): string {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const cells = rows.map((row) =>
    CSV.map((name) => (Array.isArray(row[name]) ? row[name].join(' ') : (row[name] ?? ''))),
  );
  return stringify([CSV.map(snake), ...cells]);
}

/**
 * The table to read, as texts; columns without a value are left out.
 * @example
 * ```ts
 * const { header, body } = tableCells(await tableOf('results', grid));
 * ```
 */
export function tableCells(rows: readonly TableRow[]): { header: string[]; body: string[][] } {
  const header = [
    'network',
    'arm',
    'n',
    'top-1, %',
    'top-5, %',
    'mean IoU, %',
    'AP, %',
    'AP50, %',
    'gain, points',
    '95 % CI',
    'paper',
    'difference',
    'parameters in training, M',
    'deployed, M',
    'GFLOPs a step',
    'ms a step',
    'peak memory, MB',
  ];
  const body = rows.map((row) => [
    row.network,
    row.arm,
    String(row.n),
    plusMinus(row.top1, row.top1Deviation),
    plusMinus(row.top5, row.top5Deviation),
    plusMinus(row.meanIou, row.meanIouDeviation),
    plusMinus(row.ap, row.apDeviation),
    plusMinus(row.ap50, row.ap50Deviation),
    signed(row.gain),
    row.gainLow === undefined ? '' : `${signed(row.gainLow)} to ${signed(row.gainHigh)}`,
    signed(row.paper),
    signed(row.difference),
    millions(row.parametersInTraining),
    millions(row.parameters),
    row.flopsPerStep === undefined ? '' : (row.flopsPerStep / 1e9).toPrecision(3),
    row.stepMilliseconds?.toFixed(1) ?? '',
    row.peakMemory === undefined ? '' : (row.peakMemory / 1e6).toFixed(0),
  ]);
  const used = header.map((_, i) => body.length === 0 || body.some((cells) => cells[i] !== ''));
  const kept = (cells: string[]) => cells.filter((_, i) => used[i]);
  return { header: kept(header), body: body.map(kept) };
}

/**
 * The table as Markdown.
 * @example
 * ```ts
 * console.log(tableMarkdown(grid, await tableOf('results', grid)));
 * ```
 */
export function tableMarkdown(grid: Grid, rows: readonly TableRow[]): string {
  const { name, question, notes, runs } = grid;
  const { header, body } = tableCells(rows);
  const seeds = [...new Set(rows.flatMap((row) => row.seeds))].join(', ');
  const commits = [...new Set(rows.flatMap((row) => row.commits))].join(', ');
  const version = versionOf(`The grid ${name}`, Object.values(runs));
  const above = [`# ${name}`, '', question, '', `Preset: ${settingsText(grid)}.`, '', ...(notes ? [notes, ''] : [])];
  if (rows.length === 0) return above.join('\n');
  const done = new Set(rows.flatMap(({ specs }) => specs));
  const trainings = grid.rows.filter(({ hash }) => !runs[hash]?.analysis);
  const open = trainings.filter(({ hash }) => !done.has(hash));
  return [
    ...above,
    markdownTable(header, body, { texts: 2 }),
    '',
    ...(open.length > 0
      ? [
          `${counted(open.length, 'run')} of ${trainings.length} left out, not being done: ${listed(open.map(placeOf).map((place) => `(${place})`))}.`,
          '',
        ]
      : []),
    `Seeds: ${seeds || 'none yet'}. Commits: ${commits || 'none'}; a + marks changed files. ${version === undefined ? '' : `Results version ${version}. `}Mean ± standard deviation over seeds; gains are paired by seed, ` +
      "their intervals are Student's t. FLOPs are 2 a multiply-add, backward twice forward but for gradients of frozen bases, which are not taken. " +
      "Time is a step's mean, the first one's included, while the runs that were done at the same time shared the machine, and peak memory is the whole process's: they compare nothing; the experiment cost does. " +
      "A cell of the paper's that is not known is empty.",
    '',
  ].join('\n');
}
