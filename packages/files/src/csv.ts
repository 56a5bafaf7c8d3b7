/** CSV files that are added to line by line: a last line that is being written, or was torn by a kill, does not count. */
import { parse } from 'csv-parse/sync';
import { readText } from './read.js';

/**
 * The text up to the end of its last whole line; a line break in quotes ends none.
 * @example
 * ```ts
 * wholeLines('1,2\n3,'); // '1,2\n': a process that was killed left half a line
 * ```
 */
export function wholeLines(text: string): string {
  let quoted = false;
  let end = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === 0x22) quoted = !quoted;
    else if (character === 0x0a && !quoted) end = i + 1;
  }
  return text.slice(0, end);
}

/**
 * The whole lines of a CSV file, the header first; undefined where there is no file.
 * @throws Error that names the file, the line and the remedy where a line has another number of columns than the header, or is no CSV.
 * @example
 * ```ts
 * const [header, ...lines] = (await readCsvLines('metrics.csv')) ?? [];
 * ```
 */
export async function readCsvLines(path: string, remedy = 'restore it from a copy'): Promise<string[][] | undefined> {
  const text = await readText(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const damaged = (what: string) => new Error(`${path} is damaged (${what}); ${remedy}.`);
  const whole = wholeLines(text);
  // Quotes that are open over several lines are no torn line.
  if (text.slice(whole.length).split('\n').length > 2) throw damaged('a quote in it has no end');
  let lines: string[][];
  try {
    lines = parse(whole, { relax_column_count: true, skip_empty_lines: true });
  } catch (error) {
    throw damaged((error as Error).message.slice(0, 160));
  }
  const columns = lines[0]?.length;
  const wrong = lines.findIndex((line) => line.length !== columns);
  if (wrong >= 0) throw damaged(`row ${wrong} has ${lines[wrong]?.length} columns, its header ${columns}`);
  return lines;
}

/**
 * The rows by the header's names; @throws as {@link readCsvLines} does.
 * @example
 * ```ts
 * const rows = await readCsv('metrics.csv'); // [{ epoch: '1', … }, …]; undefined where there is no file
 * ```
 */
export async function readCsv(path: string, remedy?: string): Promise<Record<string, string>[] | undefined> {
  const lines = await readCsvLines(path, remedy);
  if (!lines) return undefined;
  const [header = [], ...rows] = lines;
  return rows.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i] ?? ''])));
}
