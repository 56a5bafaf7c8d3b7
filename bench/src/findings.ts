/** What the benchmarks have in common in what they write: tables, a note on a busy machine, files in bench/results. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { BUSY, type Measured } from '@refconv/analysis/measurement';
import { mean } from '@refconv/analysis/statistics';

/** A paragraph where other programs took much of the processors; none where not. */
export function busyNote(measured: Iterable<Measured>): string[] {
  const others = [...measured].flatMap(({ rounds }) => rounds.map((round) => round.others));
  const share = others.length > 0 ? mean(others) : 0;
  return share >= BUSY
    ? [
        `**The machine was busy:** others used ${(100 * share).toFixed(0)} % of the processors. Repeat this on an idle one.`,
      ]
    : [];
}

export interface BenchReport {
  /** What the files' names begin with, before the date. */
  name?: string;
  /** ISO 8601. */
  date: string;
  text: string;
  /** All figures; left out: the text alone is written. */
  figures?: object;
}

/** Prints the text, and writes it with all figures to bench/results. */
export async function writeFindings(
  { name, date, text, figures }: BenchReport,
  log: (line: string) => void,
): Promise<void> {
  const folder = fileURLToPath(new URL('../results/', import.meta.url));
  const file = `${folder}${name === undefined ? '' : `${name}-`}${date.slice(0, 19).replaceAll(':', '')}`;
  await mkdir(folder, { recursive: true });
  if (figures) await writeFile(`${file}.json`, `${JSON.stringify(figures, undefined, 1)}\n`);
  await writeFile(`${file}.md`, `${text}\n`);
  process.stdout.write(`${text}\n`);
  log(`written to ${file}.md${figures ? ' and .json' : ''}`);
}
