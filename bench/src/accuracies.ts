/**
 * What PyTorch gets by the same recipe (pytorch/accuracy.py) beside ours: `node accuracies.js MEASURED GRID ACCURACY.csv`, with the folder that holds
 * grids and ledger. Prints a table in Markdown.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Interval, meanInterval, welchInterval } from '@refconv/analysis/statistics';
import { markdownTable, readCsv, readJson } from '@refconv/files';

/** Top-1, in percent, of an arm's seeds. */
export type Accuracies = ReadonlyMap<string, ReadonlyMap<number, number>>;

const GAIN = 'RefConv − baseline';

export async function ourAccuracies(root: string, grid: string): Promise<Accuracies> {
  const cells = await readJson<{ rows: { arm: string; seed: number; hash: string }[] }>(
    join(root, 'grids', grid, 'grid.json'),
  );
  const ledger = await readCsv(join(root, 'ledger.csv'));
  if (!cells || !ledger)
    throw new Error(`${root} has no grid ${grid}, or no ledger; expected grids/${grid}/grid.json and ledger.csv.`);
  const top1 = new Map(ledger.map((row) => [row.hash, Number(row.top1)]));
  return byArm(cells.rows.map(({ arm, seed, hash }) => ({ arm, seed, top1: top1.get(hash) })));
}

export async function pytorchAccuracies(file: string): Promise<Accuracies> {
  const rows = await readCsv(file);
  if (!rows) throw new Error(`There is no ${file}; expected the accuracy.csv of bench/pytorch/accuracy.py.`);
  return byArm(rows.map(({ arm = '', seed, top1 }) => ({ arm, seed: Number(seed), top1: Number(top1) })));
}

/** With RefConv's gain over the baseline, seed by seed. */
function byArm(rows: readonly { arm: string; seed: number; top1: number | undefined }[]): Accuracies {
  const found = new Map<string, Map<number, number>>();
  for (const { arm, seed, top1 } of rows)
    if (top1 !== undefined) found.set(arm, (found.get(arm) ?? new Map()).set(seed, 100 * top1));
  const gains = [...(found.get('refconv') ?? [])].flatMap(([seed, top1]) => {
    const before = found.get('baseline')?.get(seed);
    return before === undefined ? [] : [[seed, top1 - before] as const];
  });
  return found.set(GAIN, new Map(gains));
}

/** Of the arms that both have: means and standard deviations, and the difference of the means with Welch's 95 % interval. */
export function comparisonTable(ours: Accuracies, theirs: Accuracies): string {
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
  const rows = [...ours].flatMap(([arm, own]) => {
    const [a, b] = [own, theirs.get(arm)].map((seeds) => [...(seeds?.values() ?? [])]) as [number[], number[]];
    if (a.length < 2 || b.length < 2) return [];
    const cells = [a, b].map((values) => {
      const { n, mean, deviation } = meanInterval(values) as Required<Interval>;
      return `${mean.toFixed(2)} ± ${deviation.toFixed(2)} (n = ${n})`;
    });
    const { mean, low, high } = welchInterval(a, b);
    return [[arm, ...cells, `${signed(mean)} (${signed(low)} to ${signed(high)})`]];
  });
  return markdownTable(['top-1, %', 'ours', 'PyTorch', 'ours − PyTorch'], rows);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [root = '', grid = '', file = ''] = process.argv.slice(2);
  console.log(comparisonTable(await ourAccuracies(root, grid), await pytorchAccuracies(file)));
}
