/** The page of an experiment: its table, its charts, its runs. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { mean, spread } from '@refconv/analysis/statistics';
import {
  costText,
  counted,
  type Grid,
  type LedgerRow,
  RESULTS_VERSION,
  SCORES,
  settingsText,
  shortHash,
  tableCells,
} from '@refconv/runs';
import { type CurveRow, gainsChart, trainingChart } from '../charts/training.js';
import { type Html, html } from '../html.js';
import type { EpochMetrics } from '../metrics.js';
import type { NetworkAnalysis } from './analyses.js';
import { analysisSection } from './analysisSection.js';
import { type Figure, fileNames, writeFigure } from './figure.js';
import { count, percent } from './format.js';
import { page, table } from './layout.js';
import { objection } from './objection.js';
import type { Experiment, ExperimentRun } from './read.js';

/** Writes the charts' files into the page's folder. @returns the page. */
export async function experimentPage(
  folder: string,
  experiment: Experiment,
  analyses: readonly NetworkAnalysis[],
): Promise<string> {
  const { name, grid, data, version } = experiment;
  const fileName = fileNames();
  const draw = (figure: Figure) => writeFigure(folder, { ...figure, name: fileName(figure.name) });
  const trained = experiment.runs.filter(({ analysis }) => !analysis);
  const networks = [...new Set(trained.map(({ network }) => network))];
  const figures = {
    gains: await Promise.all(gainsFigures(experiment).map(draw)),
    curves: await Promise.all(networks.flatMap((network) => curvesFigures(experiment, network)).map(draw)),
  };
  const { header, body } = tableCells(experiment.table);
  const commits = [...new Set(experiment.table.flatMap((row) => row.commits))].join(', ');
  const against = objection(experiment);
  const sections = html`<h1>${name}</h1>
<p>${grid.question} <span class="soft">Experiment ${grid.experiment}, preset ${settingsText(grid)}. Images: ${data.join(', ')}. ${statesOf(experiment.runs)}.${version === undefined ? '' : ` Results version ${version}${version === RESULTS_VERSION ? '' : `, where this code makes version ${RESULTS_VERSION}: docs/experiments.md says how they differ`}.`}</span></p>
${askedSection(grid)}
${against ? html`<p class="notice">It decides no claim: ${against}.</p>` : ''}
${
  trained.length > 0
    ? html`<h2>Table</h2>
${table(`Means over seeds: ${name}`, header, body, { text: 2 })}
<p class="soft">Mean ± standard deviation over the seeds (n of them). Gains are over ${grid.baseline}, seed by seed; their intervals are Student’s t. FLOPs are 2
a multiply-add, backward taken as twice forward. Time and peak memory are those of the trainings, which may
have shared the machine: they compare nothing; the experiment cost does. A cell of the paper’s that is not known is empty.
Commits: ${commits || 'none'}; a + marks changed files. <a href="table.csv">The table with all digits</a></p>`
    : ''
}
${leftOutOf(experiment.runs).map((line) => html`<p class="notice">${line}</p>\n`)}
${figures.gains.length > 0 ? html`<h2>Gains</h2>${figures.gains}` : ''}
${figures.curves.length > 0 ? html`<h2>Training curves</h2>${figures.curves}` : ''}
${await picturesSection(folder, experiment)}
${await analysisSection(join(folder), analyses, draw)}
<h2>Runs</h2>
<details><summary>${counted(experiment.runs.length, 'run')}</summary>
${table(
  `Runs of ${name}`,
  ['network', 'arm', 'seed', 'state', 'evaluated on', 'top-1 or mean IoU', 'merged', 'best on test, no result', 'run'],
  experiment.runs.map((run) => [
    run.network,
    run.analysis ? `${run.arm}: ${run.analysis}` : run.arm,
    String(run.seed),
    stateOf(run),
    run.ledger?.evaluated_on ?? '',
    ...measuresOf(run.ledger).map((column) => (run.ledger?.[column] ? percent(Number(run.ledger[column])) : '')),
    html`<code>${shortHash(run.hash)}</code>`,
  ]),
  { text: 2 },
)}</details>`;
  const links = [{ href: '../../index.html', text: 'All claims and experiments' }];
  return page({ title: `${name}: RefConv`, base: '../../', links, charts: true, body: sections });
}

/** What the experiment says of itself, as its --help does; grids of older files say nothing. */
function askedSection({ source, notKnown, details, claims = [], cost }: Grid): Html | string {
  if (source === undefined) return '';
  const known = notKnown ? html` Not known of the paper: ${notKnown}.` : '';
  return html`<p>Source: ${source}.${known} ${details ?? ''}${cost ? ` The preset was measured before: ${costText(cost)}.` : ''}</p>
${
  claims.length > 0
    ? html`<h2>Claims</h2><ul>${claims.map(({ claim, source }) => html`<li>${claim} <span class="soft">${source}</span></li>`)}</ul>
<p class="soft">What all runs here say of them stands on <a href="../../index.html#claims">the first page</a>.</p>`
    : ''
}`;
}

/** The task's measure, the merged network's, and that of the best epoch. */
function measuresOf(row: LedgerRow | undefined): (keyof LedgerRow)[] {
  const { column } = SCORES[(row?.task ?? 'classification') as keyof typeof SCORES];
  return [column, `merged_${column}`, 'best_top1_on_test'];
}

/** The pictures of each arm with the first seed that has them, side by side. */
async function picturesSection(folder: string, { runs }: Experiment): Promise<Html | string> {
  const shown = runs.filter(
    (run) =>
      run.pictures &&
      run.seed === Math.min(...runs.filter((other) => other.pictures && other.arm === run.arm).map(({ seed }) => seed)),
  );
  if (shown.length === 0) return '';
  const figures = await Promise.all(
    shown.map(async ({ network, arm, seed, hash, pictures }) => {
      const file = `pictures-${shortHash(hash)}.png`;
      await cp(pictures as string, join(folder, file));
      const title = `${network}, ${arm}, seed ${seed}`;
      return html`<figure><img src="${file}" alt="Test images, their annotations and what the network makes of them: ${title}" loading="lazy"><figcaption>${title}</figcaption></figure>`;
    }),
  );
  return html`<h2>Pictures</h2><p class="soft">The same test images in each: with their annotations, the classes of their pixels or their boxes, and with those of the network, which is the merged one where there is one.</p>${figures}`;
}

/** What runs left out, each line once for the seeds that share it. */
function leftOutOf(runs: readonly ExperimentRun[]): string[] {
  return [
    ...new Set(runs.flatMap(({ network, arm, leftOut }) => leftOut.map((line) => `${network}, ${arm}: ${line}`))),
  ];
}

function statesOf(runs: readonly ExperimentRun[]): string {
  const states = new Map(runs.map(({ hash, state }) => [hash, state.state]));
  const counts = new Map<string, number>();
  for (const state of states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return `${counted(states.size, 'run')}: ${[...counts].map(([state, n]) => `${count(n)} ${state}`).join(', ')}`;
}

function stateOf({ state }: ExperimentRun): string {
  if (state.state === 'failed') return `failed: ${state.reason}`;
  if ('epoch' in state) return `${state.state}: ${state.epoch} of ${counted(state.epochs, 'epoch')}`;
  return state.state;
}

function gainsFigures({ table }: Experiment): Figure[] {
  const rows = table.flatMap(({ network, arm, gain, gainLow, gainHigh, pairs, paper }) =>
    gain === undefined
      ? []
      : [{ network, arm, gain, ...(gainLow !== undefined && { low: gainLow, high: gainHigh }), pairs, paper }],
  );
  if (rows.length === 0) return [];
  const arms = [...new Set(table.map(({ arm }) => arm))];
  const caption =
    'Mean gain over the baseline, seed by seed. Whiskers are 95 % confidence intervals, where there are two seeds or more; a diamond is the gain that the paper tells.';
  return [{ name: 'gains', title: 'Gains over the baseline', chart: gainsChart(rows, arms), rows, caption }];
}

function curvesFigures({ runs, name }: Experiment, network: string): Figure[] {
  const own = runs.filter((run) => run.network === network && run.epochs.length > 0);
  if (own.length === 0) return [];
  const arms = [...new Set(runs.map(({ arm }) => arm))];
  const rowsOf = (value: (epoch: EpochMetrics) => number | undefined) =>
    arms.flatMap((arm) =>
      armCurves(
        arm,
        own.filter((run) => run.arm === arm),
        value,
      ),
    );
  const rows = rowsOf(({ score }) => 100 * score);
  const { measure: score = 'top-1' } = own[0]?.epochs[0] ?? {};
  const measure = score === 'top-1' ? 'accuracy' : score;
  const band = rows.some(({ runs = 1 }) => runs > 1)
    ? ', the mean over seeds; the band reaches from the least to the largest'
    : '';
  const evaluatedOn = own.some(({ epochs }) => epochs[0]?.evaluatedOn === 'validation') ? 'validation' : 'test';
  const accuracy: Figure = {
    name: `training-${network}`,
    title: `Training curves of ${network} in ${name}`,
    chart: trainingChart(rows, `${evaluatedOn} ${measure}, %`),
    rows,
    caption: `${network}: ${measure} on the ${evaluatedOn} images after each epoch${band}.`,
  };
  const changes = rowsOf(({ kernelChange }) => kernelChange && 100 * kernelChange);
  if (changes.length === 0) return [accuracy];
  return [
    accuracy,
    {
      name: `kernel-change-${network}`,
      title: `Length of the steps of ${network} in ${name}`,
      chart: trainingChart(changes, 'change of the kernels a step, %'),
      rows: changes,
      caption: `${network}: how far a step moves the kernels that are convolved with, W_t where there is one, relative to their length: the mean over the spatial convolutions and a few steps of each epoch${band}.`,
    },
  ];
}

/** The mean over an arm's runs of each epoch that one of them has the value of, and, if there are several, each run. */
function armCurves(
  curve: string,
  runs: readonly ExperimentRun[],
  number: (epoch: EpochMetrics) => number | undefined,
): CurveRow[] {
  const single = runs.flatMap((run) =>
    run.epochs.flatMap((metrics) => {
      const value = number(metrics);
      return value === undefined ? [] : [{ curve, run: `seed ${run.seed}`, epoch: metrics.epoch, value }];
    }),
  );
  const epochs = [...new Set(single.map(({ epoch }) => epoch))].sort((a, b) => a - b);
  const means = epochs.map((epoch): CurveRow => {
    const values = single.flatMap((row) => (row.epoch === epoch ? [row.value] : []));
    const { min: low, max: high } = spread(values);
    return { curve, epoch, value: mean(values), ...(runs.length > 1 && { low, high, runs: values.length }) };
  });
  return runs.length < 2 ? means : [...means, ...single];
}
