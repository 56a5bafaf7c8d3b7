/** A CSV file that grows while a run goes on, and the settings that say whose it is. */
import { link, open, unlink, writeFile } from 'node:fs/promises';
import { parseJson, readText } from '@refconv/files';

/**
 * Makes the file, or takes away what a killed process left of its last line.
 * @param what it holds, such as `landscape`.
 * @param whole how many of so many lines are kept. Default: all.
 * @returns the lines kept, without the header.
 * @throws Error where the header is another.
 */
export async function mend(
  file: string,
  header: string,
  what: string,
  whole = (lines: number) => lines,
): Promise<string[]> {
  const lines = await readLines(file, header, what).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const kept = lines.slice(0, whole(lines.length));
  if (kept.length === 0) {
    await writeFile(file, `${header}\n`);
    return [];
  }
  const handle = await open(file, 'r+');
  await handle.truncate(Buffer.byteLength([header, ...kept, ''].join('\n'))).finally(() => handle.close());
  return kept;
}

/** The whole lines of a file, without the header. @throws Error where the header is another. */
export async function readLines(file: string, header: string, what: string): Promise<string[]> {
  const [first, ...lines] = (await readText(file)).split('\n').slice(0, -1);
  if (first === undefined || first === header) return lines;
  throw new Error(`${file} is no ${what}: its first line is '${first}', expected '${header}'.`);
}

/**
 * Notes settings in a new file, and compares them with those in an old one.
 * @param what the folder holds, such as `landscape`.
 * @throws Error where they differ; says which.
 */
export async function claim(file: string, settings: Readonly<Record<string, unknown>>, what: string): Promise<void> {
  const text = `${JSON.stringify(settings, undefined, 2)}\n`;
  // Made beside and linked, so that another part's process never reads half of it.
  const beside = `${file}.${process.pid}`;
  await writeFile(beside, text);
  const created = await link(beside, file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  await unlink(beside);
  if (created) return;
  const there = parseJson(await readText(file)) as Record<string, unknown>;
  const given = JSON.parse(text) as Record<string, unknown>;
  const differing = [...new Set([...Object.keys(there), ...Object.keys(given)])].filter(
    (name) => JSON.stringify(there[name]) !== JSON.stringify(given[name]),
  );
  if (differing.length === 0) return;
  const listed = differing.map(
    (name) => `${name} ${JSON.stringify(there[name])}, given ${JSON.stringify(given[name])}`,
  );
  throw new Error(`${file} is of another ${what}: ${listed.join('; ')}. Choose another folder.`);
}
