import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compareRuns } from '@refconv/reports/compare';

export async function compare(folders: string[], { output, names }: { output: string; names?: string[] }) {
  const { page, runs } = await compareRuns(folders, { output: resolve(output), names });
  for (const { name, missing } of runs) for (const what of missing) console.error(`Warning: ${name}: ${what}.`);
  console.log(`The page: ${pathToFileURL(page)}`);
}
