/** Results of analyses, from the folders of their runs. */
import { join } from 'node:path';
import { type LandscapePoint, readLandscape } from '@refconv/analysis/landscape/grid';
import { sharpness } from '@refconv/analysis/landscape/sharpness';
import { type ImageRobustness, readRobustness, robustnessRow } from '@refconv/analysis/robustness/curve';
import { meanInterval } from '@refconv/analysis/statistics';
import { parseJson, readText } from '@refconv/files';
import { placeOf, runFolder, type Spec } from '@refconv/runs';
import type { MatrixCell } from '../charts/heatMap.js';
import { readCsv } from '../metrics.js';
import { costRatios } from './costs.js';
import type { AnalysisFindings } from './judge.js';
import { ANALYSIS_MEASURES, type AnalysisMeasureName, type AnalysisNumber, type CostRatios } from './measures.js';
import type { Experiment } from './read.js';

/** A matrix of a layer. */
export interface LayerCell extends MatrixCell {
  layer: string;
  /** `W_b` or `W_t`, where the analysis has both. */
  kernel: string;
  /** `plain` or `unitNorm`, where it has both. */
  measure: string;
}

export interface NetworkAnalysis {
  id: string;
  network: string;
  arm: string;
  /** The arm whose network it is of; a cost has none. */
  of?: string;
  seed: number;
  /** Its table's rows. */
  rows: Record<string, string | number>[];
  cells: LayerCell[];
  points: LandscapePoint[];
  /** What each image withstood, by the eps that it was attacked by, in 1/255. */
  attacked?: { eps: number[]; images: ImageRobustness[] };
  /** Runs that it is split into: parts whose numbers are those of all or none. */
  parts: { done: number; of: number };
  /** Of a method beside the plain network, by batch size. */
  costs: CostRatios[];
}

const MATRICES: Record<string, string> = {
  connectivity: 'connectivity.csv',
  redundancy: 'redundancy.csv',
  skeletons: 'skeletons.csv',
};

/** The finished analyses of an experiment; the parts of one that was split are put together. */
export async function readAnalyses(root: string, { runs }: Experiment): Promise<NetworkAnalysis[]> {
  const found = new Map<string, NetworkAnalysis>();
  for (const { network, arm, seed, hash, of, state, analysis: id } of runs) {
    if (!id || state.state !== 'done') continue;
    const folder = runFolder(root, hash);
    const key = `${id}: ${placeOf({ network, arm, seed })}`;
    const earlier = found.get(key) ?? {
      ...{ id, network, arm, of, seed, rows: [], cells: [], points: [], costs: [] },
      parts: {
        done: 0,
        of: SPLIT.includes(id)
          ? runs.filter((run) => run.analysis === id && placeOf(run) === placeOf({ network, arm, seed })).length
          : 1,
      },
    };
    const result = parseJson(await readText(join(folder, 'result.json'))) as Partial<NetworkAnalysis> & {
      spec?: Spec;
    };
    const matrices = MATRICES[id] ? await readCsv(join(folder, MATRICES[id])) : [];
    found.set(key, {
      ...earlier,
      parts: { ...earlier.parts, done: earlier.parts.done + 1 },
      rows: [...earlier.rows, ...(result.rows ?? [])],
      cells: [...earlier.cells, ...(matrices ?? []).map(cellOf)],
      costs: [...earlier.costs, ...(id === 'cost' ? await costRatios(folder, result.rows ?? []) : [])],
      points: id === 'landscape' ? [...earlier.points, ...(await readLandscape(folder))] : [],
      ...(result.spec?.analysis?.id === 'robustness' && {
        attacked: {
          eps: result.spec.analysis.eps,
          images: [...(earlier.attacked?.images ?? []), ...(await readRobustness(folder))],
        },
      }),
    });
  }
  return [...found.values()].map((analysis) => {
    const { parts } = analysis;
    // Numbers of some parts alone would be others.
    if (parts.done < parts.of) return { ...analysis, rows: [], points: [], attacked: undefined };
    return { ...analysis, rows: rowsOf(analysis) };
  });
}

/** Analyses that can be split into parts. */
const SPLIT = ['landscape', 'robustness'];

function rowsOf({ id, rows, points, attacked }: NetworkAnalysis): NetworkAnalysis['rows'] {
  if (id === 'landscape') return landscapeRows(points);
  return attacked ? [robustnessRow(attacked.images, attacked.eps)] : rows;
}

const cellOf = ({ layer = '', kernel = '', measure = '', row, column, value }: Record<string, string>): LayerCell => ({
  ...{ layer, kernel, measure },
  panel: [layer, kernel].filter(Boolean).join(' '),
  row: Number(row),
  column: Number(column),
  value: Number(value),
});

function landscapeRows(points: readonly LandscapePoint[]): NetworkAnalysis['rows'] {
  if (!points.some(({ x, y }) => x === 0 && y === 0)) return [{ points: points.length }];
  const { centre, least, meanIncrease, largestIncrease, keskar, wideShare } = sharpness(points);
  return [
    {
      ...{ points: points.length, centre, least, mean_increase: meanIncrease, largest_increase: largestIncrease },
      ...{ keskar, wide_share: wideShare },
    },
  ];
}

/** What the analyses of all experiments say to claims. */
export function numbersOf(
  analysed: readonly { experiment: Experiment; analyses: readonly NetworkAnalysis[] }[],
): AnalysisFindings {
  return analysed.flatMap(({ experiment, analyses }) =>
    [...new Set(analyses.map(({ network }) => network))].map((network) => {
      const own = analyses.filter((analysis) => analysis.network === network);
      return {
        ...{ experiment, network, numbers: own.flatMap(measuresOf) },
        costs: own.flatMap(({ arm, costs }) => costs.map((cost) => ({ arm, ...cost }))),
      };
    }),
  );
}

function measuresOf({ id, of: arm, seed, rows }: NetworkAnalysis): AnalysisNumber[] {
  return Object.entries(ANALYSIS_MEASURES).flatMap(([name, { analysis, column, start, scale = 1 }]) => {
    const mean = (of: (row: NetworkAnalysis['rows'][number]) => number) =>
      meanInterval(rows.map((row) => scale * of(row)).filter(Number.isFinite))?.mean;
    const value = analysis === id ? mean((row) => Number(row[column])) : undefined;
    if (value === undefined) return [];
    const change = start && mean((row) => Number(row[column]) - Number(row[start.column]));
    return [{ measure: name as AnalysisMeasureName, arm, seed, value, change }];
  });
}
