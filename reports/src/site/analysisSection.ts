/** What analyses found, as figures and tables. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counted, foldSpreads, listed } from '@refconv/runs';
import { stringify } from 'csv-stringify/sync';
import { connectivityChart, redundancyChart, scaledByLayer, skeletonChart } from '../charts/heatMap.js';
import { landscapeChart, sliceChart, surfaceChart } from '../charts/landscape.js';
import { type Html, html } from '../html.js';
import type { LayerCell, NetworkAnalysis } from './analyses.js';
import type { Figure } from './figure.js';
import { four } from './format.js';
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
    const unfinished = own.flatMap(({ network, arm, seed, parts: { done, of } }) =>
      done < of ? [`${network}, ${arm}, seed ${seed}: ${done} of ${counted(of, 'part')} done`] : [],
    );
    sections.push(html`<h2>${TITLES[id] ?? id}</h2>
${unfinished.length > 0 ? html`<p class="notice">Left out until all parts are done: ${listed(unfinished)}.</p>` : ''}
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
  return html`<details><summary>${counted(rows.length, 'row')} of numbers</summary>
${table(`Numbers of ${id}`, names, cells, { text: 2 })}
<p class="soft"><a href="${id}-numbers.csv">With all digits, as CSV</a></p></details>`;
}

/** So many of a list, evenly spaced, the first and the last among them. */
function some<T>(all: readonly T[], limit: number): T[] {
  if (all.length <= limit) return [...all];
  return Array.from({ length: limit }, (_, i) => all[Math.round((i * (all.length - 1)) / (limit - 1))] as T);
}

/** Of the layers with the largest matrices, as those of narrow layers cannot be compared with them: their cells, and which they are. */
function chosenLayers(cells: readonly LayerCell[], limit: number): { shown: LayerCell[]; which: string } {
  const last = new Map<string, number>();
  for (const { layer, row } of cells) last.set(layer, Math.max(row, last.get(layer) ?? 0));
  const largest = Math.max(...last.values());
  const wide = [...last].flatMap(([layer, row]) => (row === largest ? [layer] : []));
  const layers = some(wide, limit);
  const shown = cells.filter(({ layer }) => layers.includes(layer));
  const all = layers.length === last.size;
  const scale = scaledByLayer(shown)
    ? ' Each layer has a colour scale of its own, as they differ by orders of magnitude.'
    : '';
  return {
    shown,
    which: `${all ? '' : ` Shown: ${layers.length} of ${counted(last.size, 'layer')}, ${layers.join(', ')}.`}${scale}`,
  };
}

function figuresOf(id: string, network: string, analyses: readonly NetworkAnalysis[]): Figure[] {
  const [{ cells, seed }] = analyses as [NetworkAnalysis];
  const figure = (name: string, title: string, chart: Figure['chart'], rows: readonly object[], caption: string) => ({
    ...{ name: `${name}-${network}`, title: `${title} of ${network}`, chart, rows },
    caption: `${network}, seed ${seed}: ${caption}`,
  });
  const matrices = (
    name: string,
    title: string,
    chart: typeof skeletonChart,
    from: readonly LayerCell[],
    caption: string,
    limit = LAYERS,
  ) => {
    const { shown, which } = chosenLayers(from, limit);
    return shown.length > 0 ? [figure(name, title, chart(shown), shown, `${caption}${which}`)] : [];
  };
  switch (id) {
    case 'connectivity':
      return matrices(
        ...([id, 'Connectivity', connectivityChart, cells] as const),
        'Σ|W_r| between the first channels of W_t (rows) and W_b (columns). An untouched W_r is as strong everywhere: the numbers tell by how much it has grown.',
      );
    case 'redundancy':
      return (
        [
          ['plain', '', 'of kernels as they are, as the paper measures it. It grows with the scale of kernels too'],
          ['unitNorm', '-unit-norm', 'of kernels scaled to norm 1'],
        ] as const
      ).flatMap(([measure, suffix, of]) =>
        matrices(
          ...([`${id}${suffix}`, 'Redundancy', redundancyChart] as const),
          cells.filter((cell) => cell.measure === measure),
          `Kullback–Leibler divergence of every two softmaxed kernel channels, ${of}. Larger is less redundant.`,
          2,
        ),
      );
    case 'skeletons':
      return matrices(
        ...([id, 'Skeletons', skeletonChart, cells] as const),
        'mean magnitude of a kernel’s entries by their position.',
      );
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
