/** The program behind `npm run report`: turns ledger and run folders into a static site. */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readText, withMarked, writeAtomically } from '@refconv/files';
import { counted } from '@refconv/runs';
import { shortVerdicts } from './verdicts.js';
import { publishSite, writeSite } from './write.js';

const HELP = `Usage: npm run report -- [options]
  --root FOLDER    the runs: what an experiment's --results named (default results/experiments)
  --output FOLDER  where the site goes (default results/report)
  --publish FILE   writes verdicts.md and the charts beside the runs too, and a table of the verdicts into this Markdown file, between the lines
                   <!-- verdicts --> and <!-- /verdicts -->
  --help           show this
Turns the ledger and the runs' folders into pages that open from the file system: the paper's claims with what was measured of
them, and a page for each experiment with its table, its charts (as Vega-Lite, CSV, SVG, PNG and PDF too) and its runs.
Example: npm run report -- --root results/experiments --output results/report`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      root: { type: 'string', default: 'results/experiments' },
      output: { type: 'string', default: 'results/report' },
      publish: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  for (const name of ['root', 'output', 'publish'] as const)
    if (values[name] === '') throw new Error(`--${name} must be a folder's path; given ''.`);
  const begin = performance.now();
  const { publish } = values;
  const markdown = publish && (await readText(publish));
  const site = await writeSite(resolve(values.root), resolve(values.output));
  if (publish && markdown !== undefined) {
    await writeAtomically(publish, [withMarked(markdown, 'verdicts', shortVerdicts(site.judgements))]);
    await publishSite(site, resolve(values.output));
  }
  const { experiments, ledger, problems } = site;
  for (const problem of problems) console.error(`Warning: ${problem}`);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(
    `${counted(experiments.length, 'experiment')}, ${counted(ledger.length, 'finished run')}, in ${seconds} s`,
  );
  console.log(`The report: ${pathToFileURL(join(resolve(values.output), 'index.html'))}`);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
