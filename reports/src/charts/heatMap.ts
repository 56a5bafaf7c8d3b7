/** Matrices as heat maps side by side: connectivity, redundancy, skeletons. */
import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, SCHEMA, short, valuesOf } from './style.js';

export interface MatrixCell {
  /** What the matrix is of: `W_b`, `W_t`, a layer. */
  panel: string;
  row: number;
  column: number;
  value: number;
}

export interface HeatMapOptions {
  /** What the values are, for the legend. */
  value: string;
  row: string;
  column: string;
  /** Matrices beside each other. Default: 2. */
  across?: number;
  /** Width of a matrix in pixels. Default: 256. */
  size?: number;
  /** The least value of the colour scale. Default: 0. */
  least?: number;
}

/** One colour scale for all panels, so that they can be compared. */
export function heatMaps(cells: readonly MatrixCell[], options: HeatMapOptions): TopLevelSpec {
  const { value, row, column, across = 2, size = 256, least = 0 } = options;
  const axis = { labels: false, ticks: false, domain: false };
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    data: valuesOf(cells.map((cell) => ({ ...cell, value: short(cell.value) }))),
    columns: across,
    facet: { field: 'panel', type: 'nominal', title: null, sort: [...new Set(cells.map(({ panel }) => panel))] },
    spec: {
      width: size,
      height: size,
      mark: { type: 'rect' },
      encoding: {
        x: { field: 'column', type: 'ordinal', title: column, axis, scale: { padding: 0 } },
        y: { field: 'row', type: 'ordinal', title: row, axis, scale: { padding: 0 } },
        color: {
          field: 'value',
          type: 'quantitative',
          title: value,
          scale: { scheme: 'viridis', domainMin: least },
        },
        tooltip: [
          { field: 'row', title: row },
          { field: 'column', title: column },
          { field: 'value', title: value, format: '.4g' },
        ],
      },
    },
  };
}

/** Σ|W_r[i, j]| for each layer. */
export const connectivityChart = (cells: readonly MatrixCell[]) =>
  heatMaps(cells, { value: 'Σ|W_r|', row: 'channel of W_t', column: 'channel of W_b' });

/** KL divergences of W_b and W_t side by side. */
export const redundancyChart = (cells: readonly MatrixCell[]) =>
  heatMaps(cells, { value: 'KL, nats', row: 'channel i', column: 'channel j' });

/** Mean magnitudes by position. */
export const skeletonChart = (cells: readonly MatrixCell[]) =>
  heatMaps(cells, { value: 'mean |w|', row: 'row', column: 'column', across: 4, size: 96 });
