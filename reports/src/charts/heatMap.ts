/** Matrices as heat maps side by side: connectivity, redundancy, skeletons. */
import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, SCALE, SCHEMA, short, valuesOf } from './style.js';

export interface MatrixCell {
  /** What the matrix is of: `W_b`, `W_t`, a layer. */
  panel: string;
  /** Panels of one layer have one scale. */
  layer?: string;
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

/** From this ratio of the layers' largest values on, a shared scale would show the smaller ones as empty. */
const ORDERS = 10;

/** Whether the layers' values differ so much that each has a colour scale of its own. */
export function scaledByLayer(cells: readonly MatrixCell[]): boolean {
  const largest = new Map<string, number>();
  for (const { layer = '', value } of cells) largest.set(layer, Math.max(value, largest.get(layer) ?? 0));
  const values = [...largest.values()].filter((value) => value > 0);
  return values.length > 1 && Math.max(...values) >= ORDERS * Math.min(...values);
}

/**
 * One colour scale for all panels, so that they can be compared; or one for each layer, where they differ by orders of magnitude.
 * @example
 * ```ts
 * const chart = heatMaps([{ panel: 'all', row: 0, column: 0, value: 1 }], { value: 'images', row: 'truth', column: 'prediction' });
 * ```
 */
export function heatMaps(cells: readonly MatrixCell[], options: HeatMapOptions): TopLevelSpec {
  const { across = 2 } = options;
  const common = { $schema: SCHEMA, background: 'white', config: CONFIG };
  const values = (some: readonly MatrixCell[]) =>
    valuesOf(some.map(({ layer: _, ...cell }) => ({ ...cell, value: short(cell.value) })));
  const panels = (some: readonly MatrixCell[], columns: number) => ({
    columns,
    facet: {
      ...{ field: 'panel', type: 'nominal' as const, title: null },
      sort: [...new Set(some.map(({ panel }) => panel))],
    },
    spec: matrix(options),
  });
  if (!scaledByLayer(cells)) return { ...common, data: values(cells), ...panels(cells, across) };
  const layers = [...new Set(cells.map(({ layer = '' }) => layer))].map((name) =>
    cells.filter(({ layer = '' }) => layer === name),
  );
  const inLayer = Math.max(...layers.map((own) => new Set(own.map(({ panel }) => panel)).size));
  return {
    ...common,
    columns: Math.max(1, Math.floor(across / inLayer)),
    concat: layers.map((own) => ({ data: values(own), ...panels(own, inLayer) })),
    resolve: { scale: { color: 'independent' } },
  };
}

function matrix({ value, row, column, size = 256, least = 0 }: HeatMapOptions) {
  const axis = { labels: false, ticks: false, domain: false };
  const place = { type: 'ordinal', axis, scale: { padding: 0 } } as const;
  return {
    width: size,
    height: size,
    mark: { type: 'rect' as const },
    encoding: {
      x: { field: 'column', title: column, ...place },
      y: { field: 'row', title: row, ...place },
      color: {
        ...{ field: 'value', type: 'quantitative' as const, title: value },
        scale: { ...SCALE, domainMin: least },
      },
      tooltip: [
        { field: 'row', title: row },
        { field: 'column', title: column },
        { field: 'value', title: value, format: '.4g' },
      ],
    },
  };
}

/**
 * Σ|W_r[i, j]| for each layer.
 * @example
 * ```ts
 * const svg = await toSvg(connectivityChart([{ panel: 'blocks.0.0.conv_dw', row: 0, column: 0, value: 1.2 }]));
 * ```
 */
export const connectivityChart = (cells: readonly MatrixCell[]) =>
  heatMaps(cells, { value: 'Σ|W_r|', row: 'channel of W_t', column: 'channel of W_b' });

/**
 * KL divergences of W_b and W_t side by side.
 * @example
 * ```ts
 * const svg = await toSvg(redundancyChart([{ panel: 'W_b', row: 0, column: 1, value: 4.2 }]));
 * ```
 */
export const redundancyChart = (cells: readonly MatrixCell[]) =>
  heatMaps(cells, { value: 'KL, nats', row: 'channel i', column: 'channel j' });

/**
 * Mean magnitudes by position.
 * @example
 * ```ts
 * const svg = await toSvg(skeletonChart([{ panel: 'W_t', row: 1, column: 1, value: 0.3 }]));
 * ```
 */
export const skeletonChart = (cells: readonly MatrixCell[]) =>
  heatMaps(cells, { value: 'mean |w|', row: 'row', column: 'column', across: 4, size: 96 });
