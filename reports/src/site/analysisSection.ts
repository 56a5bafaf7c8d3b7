/** What analyses found, as figures and tables. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { foldSpreads } from '@refconv/runs';
import { stringify } from 'csv-stringify/sync';
import { connectivityChart, redundancyChart, skeletonChart } from '../charts/heatMap.js';
import { landscapeChart, sliceChart, surfaceChart } from '../charts/landscape.js';
import { type Html, html } from '../html.js';
import type { LayerCell, NetworkAnalysis } from './analyses.js';
import type { Figure } from './figure.js';
import { count, four } from './format.js';
import { table } from './layout.js';
import { robustnessFigures } from './robustness.js';

/** Layers whose matrices are shown: more than these are hard to compare. */
const LAYERS = 4;

type Draw = (figure: Figure) => Promise<Html>;

/** A section for each kind of analysis; matrices of a network's first seed, curves and numbers of all. */
export async function analysisSection(
  folder: string,
  analyses: readonly NetworkAnalysis[],
  draw: Draw,
): Promise<Html[]> {
  const sections: Html[] = [];
  for (const id of new Set(analyses.map((analysis) => analysis.id))) {
    const own = analyses.filter((analysis) => analysis.id === id);
    const figures: Html[] = [];
    for (const network of new Set(own.map((analysis) => analysis.network))) {
      const ofNetwork = own.filter((analysis) => analysis.network === network);
      const first = ofNetwork.filter(({ seed }) => seed === ofNetwork[0]?.seed);
      const shown = id === 'robustness' ? robustnessFigures(network, ofNetwork) : figuresOf(id, network, first);
      for (const figure of shown) figures.push(await draw(figure));
    }
    sections.push(html`<h2>${TITLES[id] ?? id}</h2>
${figures}
${await numbers(folder, id, own)}`);
  }
  return sections;
}

const TITLES: Record<string, string> = {
  connectivity: 'Connectivity of kernel channels',
  redundancy: 'Redundancy of kernel channels',
  skeletons: 'Skeletons of kernels',
  landscape: 'Loss landscape',
  robustness: 'Robustness to attacks',
  cost: 'Cost of training',
};

async function numbers(folder: string, id: string, analyses: readonly NetworkAnalysis[]): Promise<Html> {
  const rows = analyses.flatMap(({ network, arm, seed, rows }) => rows.map((row) => ({ network, arm, seed, ...row })));
  if (rows.length === 0) return html``;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  await writeFile(join(folder, `${id}-numbers.csv`), stringify(rows, { header: true, columns }));
  const folded = rows.map((row): Record<string, string | number> => foldSpreads(row));
  const shown = [...new Set(folded.flatMap((row) => Object.keys(row)))];
  const names = shown.map((name) => name.replaceAll('_', ' '));
  const cells = folded.map((row) => shown.map((name) => four(row[name])));
  return html`<details><summary>${count(rows.length)} rows of numbers</summary>
${table(`Numbers of ${id}`, names, cells, { text: 2 })}
<p class="soft"><a href="${id}-numbers.csv">With all digits, as CSV</a></p></details>`;
}

/** So many of a list, evenly spaced, the first and the last among them. */
function some<T>(all: readonly T[], limit: number): T[] {
  if (all.length <= limit) return [...all];
  return Array.from({ length: limit }, (_, i) => all[Math.round((i * (all.length - 1)) / (limit - 1))] as T);
}

/** Of the layers with the largest matrices: those of narrow layers cannot be compared with them. */
function chosenLayers(cells: readonly LayerCell[], limit: number): LayerCell[] {
  const last = new Map<string, number>();
  for (const { layer, row } of cells) last.set(layer, Math.max(row, last.get(layer) ?? 0));
  const largest = Math.max(...last.values());
  const wide = [...last].flatMap(([layer, row]) => (row === largest ? [layer] : []));
  const layers = new Set(some(wide, limit));
  return cells.filter(({ layer }) => layers.has(layer));
}

function figuresOf(id: string, network: string, analyses: readonly NetworkAnalysis[]): Figure[] {
  const [{ cells, seed }] = analyses as [NetworkAnalysis];
  const figure = (name: string, title: string, chart: Figure['chart'], rows: readonly object[], caption: string) => ({
    ...{ name: `${name}-${network}`, title: `${title} of ${network}`, chart, rows },
    caption: `${network}, seed ${seed}: ${caption}`,
  });
  switch (id) {
    case 'connectivity': {
      const shown = chosenLayers(cells, LAYERS);
      const caption =
        'Σ|W_r| between the first channels of W_t (rows) and W_b (columns). An untouched W_r is as strong everywhere: the numbers tell by how much it has grown.';
      return shown.length > 0 ? [figure(id, 'Connectivity', connectivityChart(shown), shown, caption)] : [];
    }
    case 'redundancy':
      return (
        [
          ['plain', '', 'of kernels as they are, as the paper measures it. It grows with the scale of kernels too'],
          ['unitNorm', '-unit-norm', 'of kernels scaled to norm 1'],
        ] as const
      ).flatMap(([measure, suffix, of]) => {
        const shown = chosenLayers(
          cells.filter((cell) => cell.measure === measure),
          2,
        );
        const caption = `Kullback–Leibler divergence of every two softmaxed kernel channels, ${of}. Larger is less redundant.`;
        return shown.length > 0 ? [figure(`${id}${suffix}`, 'Redundancy', redundancyChart(shown), shown, caption)] : [];
      });
    case 'skeletons': {
      const shown = chosenLayers(cells, LAYERS);
      const caption = 'mean magnitude of a kernel’s entries by their position.';
      return shown.length > 0 ? [figure(id, 'Skeletons', skeletonChart(shown), shown, caption)] : [];
    }
    case 'landscape':
      return landscapeFigures(figure, analyses);
    default:
      return [];
  }
}

function landscapeFigures(
  figure: (...values: [string, string, Figure['chart'], readonly object[], string]) => Figure,
  analyses: readonly NetworkAnalysis[],
): Figure[] {
  const whole = analyses
    .map((analysis) => ({ name: analysis.of ?? analysis.arm, points: analysis.points }))
    .filter(({ points }) => isWhole(points) && new Set(points.map(({ y }) => y)).size > 1);
  if (whole.length === 0) return [];
  const rows = whole.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })));
  const directions = 'along two random directions, filter by filter as large as the weights, the same for all networks';
  return [
    figure('landscape', 'Loss landscape', landscapeChart(whole), rows, `training loss ${directions}.`),
    figure(
      'slice',
      'Slice through the loss landscape',
      sliceChart(whole),
      rows,
      'training loss along the first direction.',
    ),
    ...whole.map(({ name, points }) =>
      figure(
        `surface-${name}`,
        `Loss surface (${name})`,
        surfaceChart({ name, points }),
        points,
        `the loss of ${name} as a surface, cut off where it is high.`,
      ),
    ),
  ];
}

function isWhole(points: NetworkAnalysis['points']): boolean {
  const [columns, rows] = [new Set(points.map(({ x }) => x)).size, new Set(points.map(({ y }) => y)).size];
  return points.length > 0 && points.length === columns * rows;
}
