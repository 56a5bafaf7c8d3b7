/** What the analyses write. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Matrix } from '@refconv/analysis';

export type Cell = string | number;

/** Writes a CSV file. Texts are layers' and kernels' names, which have neither commas nor quotation marks. */
export async function writeCsv(
  folder: string,
  name: string,
  header: readonly string[],
  rows: Iterable<readonly Cell[]>,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, `${[header, ...rows].map((row) => row.join(',')).join('\n')}\n`);
  return path;
}

/** The entries of a matrix as rows: what stands before, row, column, value. */
export function* entries(before: readonly Cell[], { columns, values }: Matrix): Generator<Cell[]> {
  for (const [at, value] of values.entries()) yield [...before, Math.floor(at / columns), at % columns, value];
}

/** Runs a script's work; an error is one line and exit status 1. */
export function main(work: () => Promise<void>): void {
  work().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
