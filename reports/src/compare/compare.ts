/** `refconv report compare`: one page about a user's own runs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PredictionReport } from '@refconv/analysis/predictions';
import { makeFolder } from '@refconv/files';
import { counted } from '@refconv/runs';
import { classChart, confusionChart, reliabilityChart } from '../charts/predictions.js';
import { trainingChart } from '../charts/training.js';
import { type Html, html } from '../html.js';
import { finalOf } from '../metrics.js';
import { type Figure, fileNames, writeFigure } from '../site/figure.js';
import { count, percent } from '../site/format.js';
import { page, table, writeAssets } from '../site/layout.js';
import { type ComparedRun, readRuns } from './read.js';

export interface CompareOptions {
  /** Where the page and its charts go. */
  output: string;
  /** What the page calls the runs; by default their folders' names. */
  names?: readonly string[];
}

/** Bars of more classes are too many to read; the CSV has them all. */
const CLASSES = 40;

/**
 * Writes a page that compares runs: curves, a table, accuracy by class, calibration, confusion.
 * @param folders run folders of experiments, or what `refconv train --output` named.
 * @returns the page's path.
 * @throws Error for a folder that is no run.
 */
export async function compareRuns(
  folders: readonly string[],
  { output, names }: CompareOptions,
): Promise<{ page: string; runs: ComparedRun[] }> {
  const runs = await readRuns(folders, names);
  await makeFolder(output);
  await writeAssets(output);
  const fileName = fileNames();
  const draw = async (figures: readonly Figure[]) => {
    const drawn: Html[] = [];
    for (const figure of figures) drawn.push(await writeFigure(output, { ...figure, name: fileName(figure.name) }));
    return drawn;
  };
  const path = join(output, 'index.html');
  const predicted = runs.filter(hasPredictions);
  const body = html`<h1>${counted(runs.length, 'run')} compared</h1>
<p class="soft">One run of each says little: another seed may turn the order round.</p>
${versionNotice(runs)}${runs.flatMap(({ name, missing, leftOut }) => [...missing, ...leftOut].map((what) => html`<p class="notice">${name}: ${what}.</p>\n`))}
<h2>After the last epoch</h2>
${finalTable(runs)}
<p class="soft">A best epoch that was chosen on test images is no result: it is too high. Top-1 is that of the last epoch.</p>
<h2>Curves</h2>
${await draw(curves(runs))}
${
  predicted.length > 0
    ? html`<h2>Calibration</h2>
${await draw([reliability(predicted)])}
<h2>Accuracy by class</h2>
${await draw(byClass(predicted))}
<h2>Confusion</h2>
${await draw(predicted.map(confusion))}`
    : ''
}
<h2>Where they are</h2>
<dl>${runs.map(({ name, folder }) => html`<dt>${name}</dt><dd><code>${folder}</code></dd>\n`)}</dl>`;
  const title = `${runs.map(({ name }) => name).join(', ')}: RefConv`;
  await writeFile(path, page({ title, base: '', charts: true, body }));
  return { page: path, runs };
}

/** Runs of different code are shown together, and the page says so. */
function versionNotice(runs: readonly ComparedRun[]): Html | '' {
  const versions = [...new Set(runs.flatMap(({ spec }) => (spec ? [spec.resultsVersion] : [])))].sort();
  if (versions.length < 2) return '';
  const each = runs.flatMap(({ name, spec }) => (spec ? [`${name}: ${spec.resultsVersion}`] : []));
  return html`<p class="notice">These runs have results of the versions ${versions.join(' and ')}, which differ by more than the runs do (${each.join(', ')}):
docs/experiments.md says how.</p>
`;
}

type Predicted = ComparedRun & { predictions: PredictionReport };
const hasPredictions = (run: ComparedRun): run is Predicted => run.predictions !== undefined;

function finalTable(runs: readonly ComparedRun[]): Html {
  const measure = measureOf(runs);
  const header = [
    ...[
      'run',
      'epochs',
      'evaluated on',
      measure,
      'loss',
      'training loss',
      'calibration error (ECE)',
      `best epoch’s ${measure}`,
    ],
    ...['best chosen on', 'images', 'parameters in training, M', 'deployed, M', 'seconds of training'],
  ];
  const millions = (value: number | undefined) => (value === undefined ? '' : (value / 1e6).toFixed(2));
  const rows = runs.map(({ name, epochs, result, predictions }) => {
    const last = epochs.at(-1);
    const final = last && finalOf(last);
    const best = epochs.reduce((most, { score }) => Math.max(most, score), 0);
    const images = predictions?.confusion.values.reduce((sum, n) => sum + n, 0);
    return [
      name,
      count(epochs.length),
      final?.evaluatedOn ?? '',
      final ? percent(final.score) : '',
      final?.loss.toFixed(4) ?? '',
      last?.trainLoss.toFixed(4) ?? '',
      predictions ? percent(predictions.calibrationError) : '',
      last ? percent(best) : '',
      last?.evaluatedOn ?? '',
      images === undefined ? '' : count(images),
      millions(result?.parametersInTraining),
      millions(result?.parameters),
      last ? epochs.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1) : '',
    ];
  });
  return table('What the runs ended with', header, rows);
}

/** The measure of the runs' task. */
const measureOf = (runs: readonly ComparedRun[]) => {
  const measures = [...new Set(runs.flatMap(({ epochs }) => epochs.slice(0, 1).map((epoch) => epoch.measure)))];
  return measures.length > 0 ? measures.join(' or ') : 'top-1';
};

function curves(runs: readonly ComparedRun[]): Figure[] {
  const measure = measureOf(runs).replace('top-1', 'accuracy');
  const kinds = [...new Set(runs.flatMap(({ epochs }) => epochs.map(({ evaluatedOn }) => evaluatedOn)))];
  const kind = kinds.length === 1 ? kinds[0] : 'evaluation';
  const of =
    kinds.length > 1 ? ' Of the images held out for validation where a run has them, else of the test images.' : '';
  return (
    [
      ['accuracy', `${kind} ${measure}, %`, ({ score }) => 100 * score],
      [`${kind}-loss`, `${kind} loss, nats`, ({ loss }) => loss],
      ['training-loss', 'training loss, nats', ({ trainLoss }) => trainLoss],
    ] as [string, string, (epoch: ComparedRun['epochs'][number]) => number][]
  ).flatMap(([name, title, value]) => {
    const rows = runs.flatMap((run) =>
      run.epochs
        .map((epoch) => ({ curve: run.name, epoch: epoch.epoch, value: value(epoch) }))
        .filter((row) => Number.isFinite(row.value)),
    );
    const caption = `${title[0]?.toUpperCase()}${title.slice(1)}, after each epoch.${name === 'training-loss' ? '' : of}`;
    return rows.length > 0 ? [{ name, title, chart: trainingChart(rows, title), rows, caption }] : [];
  });
}

function reliability(runs: readonly Predicted[]): Figure {
  const rows = runs.flatMap(({ name, predictions: { bins } }) => bins.map((bin) => ({ run: name, ...bin })));
  const errors = runs.map(({ name, predictions }) => `${name} ${percent(predictions.calibrationError)}`).join(', ');
  const caption = `How often the runs are right where they are so confident, in ten bins. Below the dotted diagonal a network is too confident. Expected calibration error: ${errors}.`;
  return { name: 'reliability', title: 'Reliability diagram', chart: reliabilityChart(rows), rows, caption };
}

const className = ({ classes }: ComparedRun, at: number) => classes?.[at] ?? String(at);

function byClass(runs: readonly Predicted[]): Figure[] {
  const rows = runs.flatMap((run) =>
    run.predictions.perClass.flatMap((accuracy, at) => {
      const { columns, values } = run.predictions.confusion;
      const images = values.slice(at * columns, (at + 1) * columns).reduce((sum, n) => sum + n, 0);
      return images === 0 ? [] : [{ run: run.name, class: className(run, at), top1: 100 * accuracy, images }];
    }),
  );
  const classes = [...new Set(rows.map((row) => row.class))];
  const of = (name: string) => rows.filter((row) => row.class === name);
  const worst = (name: string) => Math.min(...of(name).map(({ top1 }) => top1));
  const shown = classes.length <= CLASSES ? classes : classes.toSorted((a, b) => worst(a) - worst(b)).slice(0, CLASSES);
  const some = rows.filter((row) => shown.includes(row.class));
  const caption = `Share of each class’s images that are classified rightly${shown.length < classes.length ? `: the ${CLASSES} of ${classes.length} classes that are hardest for one of the runs; the CSV has all` : ''}.`;
  return [{ name: 'classes', title: 'Accuracy by class', chart: classChart(some), rows, caption }];
}

function confusion(run: Predicted): Figure {
  const { columns, values } = run.predictions.confusion;
  const rows = [...values].map((n, at) => {
    const [label, prediction] = [Math.floor(at / columns), at % columns];
    const images = values.slice(label * columns, (label + 1) * columns).reduce((sum, each) => sum + each, 0);
    const share = images === 0 ? 0 : n / images;
    return { label: className(run, label), prediction: className(run, prediction), share, count: n };
  });
  const caption = `${run.name}: rows are the right classes, columns what was predicted; numbers are images.`;
  const title = `Confusion matrix of ${run.name}`;
  return { name: `confusion-${run.name}`, title, chart: confusionChart(rows), rows, caption };
}
