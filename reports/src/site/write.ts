/** Ledger and run folders as a static site. */

import { existsSync } from 'node:fs';
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '@refconv/files';
import { tableCsv } from '@refconv/runs';
import { numbersOf, readAnalyses } from './analyses.js';
import { listClaims } from './claims.js';
import { experimentPage } from './experimentPage.js';
import { type Judgement, judge } from './judge.js';
import { writeAssets } from './layout.js';
import { overviewPage } from './overviewPage.js';
import { readSite, type Site } from './read.js';
import { verdictsMarkdown } from './verdicts.js';

/**
 * Writes the site into a folder: index.html, a page for each experiment with its charts' files, and all that they load.
 * @returns what it shows.
 * @throws Error where the folder of runs is missing or holds none.
 */
export async function writeSite(root: string, output: string): Promise<Site & { judgements: Judgement[] }> {
  const site = await readSite(root);
  await writeAssets(output);
  const analysed = [];
  for (const experiment of site.experiments) {
    const folder = join(output, 'experiments', experiment.name);
    // Charts of another root's grid of that name are not this one's.
    await rm(folder, { recursive: true, force: true });
    await makeFolder(folder);
    const analyses = await readAnalyses(root, experiment).catch((error: Error) => {
      site.problems.push(`Analyses of ${experiment.name} cannot be read: ${error.message}`);
      return [];
    });
    analysed.push({ experiment, analyses });
    await writeFile(join(folder, 'table.csv'), tableCsv(experiment.table));
    const page = await experimentPage(folder, experiment, analyses).catch((error: Error) => {
      throw new Error(`The page of the experiment ${experiment.name} cannot be made: ${error.message}`, {
        cause: error,
      });
    });
    await writeFile(join(folder, 'index.html'), page);
  }
  if (existsSync(join(root, 'ledger.csv'))) await cp(join(root, 'ledger.csv'), join(output, 'ledger.csv'));
  const numbers = numbersOf(analysed);
  const claims = await listClaims(site.experiments.map(({ grid }) => grid));
  const judgements = claims.map((claim) => judge(claim, site.experiments, numbers));
  await writeFile(join(output, 'index.html'), overviewPage(site, judgements));
  return { ...site, judgements };
}

/** Charts of a site that are kept with the runs: of each the picture and its data. */
const KEPT = /^(?!table).+\.(svg|csv)$/;

/**
 * Writes what of a site can be read without it beside the runs: `verdicts.md`, and the charts of each grid in `charts`.
 * @param output the folder of the site.
 */
export async function publishSite(
  { root, experiments, judgements }: Pick<Site, 'root' | 'experiments'> & { judgements: Judgement[] },
  output: string,
): Promise<void> {
  await writeFile(join(root, 'verdicts.md'), verdictsMarkdown(judgements));
  await rm(join(root, 'charts'), { recursive: true, force: true });
  for (const { name } of experiments) {
    const [from, to] = [join(output, 'experiments', name), join(root, 'charts', name)];
    await makeFolder(to);
    for (const file of await readdir(from)) if (KEPT.test(file)) await cp(join(from, file), join(to, file));
  }
}
