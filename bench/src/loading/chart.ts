/** Images a second over the number of workers, as a vega-lite chart. */

import { spread } from '@refconv/analysis/statistics';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Row } from './protocol.js';

/** Median over the rounds, and the least and largest. */
export interface Rate {
  transform: string;
  workers: number;
  loader: string;
  imagesPerSecond: number;
  low: number;
  high: number;
}

export function ratesOf(rows: readonly Row[]): Rate[] {
  return rows.map(({ mode, workers, contestant, rounds }) => {
    const { median, min, max } = spread(rounds.map(({ images, milliseconds }) => (1000 * images) / milliseconds));
    return { transform: mode, workers, loader: contestant, imagesPerSecond: median, low: min, high: max };
  });
}

/** Okabe and Ito's colours; they differ for colour-blind readers, and so do the shapes. */
const COLOURS = ['#0072B2', '#D55E00', '#00865F', '#7f7f7f'];
const SHAPES = ['circle', 'triangle-up', 'square', 'cross'];

export function loadingChart(rates: readonly Rate[]): TopLevelSpec {
  const loaders = [...new Set(rates.map(({ loader }) => loader))];
  const legend = { orient: 'top' as const, columns: 2, labelFontSize: 12, labelLimit: 0 };
  const axis = { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal' as const };
  const byLoader = { field: 'loader', type: 'nominal' as const, title: null, legend };
  const x = {
    field: 'workers',
    type: 'quantitative' as const,
    axis: { ...axis, values: [...new Set(rates.map(({ workers }) => workers))], format: 'd', grid: false },
    scale: { domainMin: 0, nice: false, padding: 16 },
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    config: { view: { stroke: null }, header: { labelFontSize: 13 } },
    data: { values: rates.map((rate) => ({ ...rate })) },
    facet: { column: { field: 'transform', type: 'nominal', title: null, sort: 'descending' } },
    spec: {
      width: 240,
      height: 240,
      encoding: { x, color: { ...byLoader, scale: { domain: loaders, range: COLOURS } } },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 1.5, opacity: 0.6 },
          encoding: { y: { field: 'low', type: 'quantitative', title: 'images a second' }, y2: { field: 'high' } },
        },
        {
          mark: { type: 'line', strokeWidth: 2 },
          encoding: { y: { field: 'imagesPerSecond', type: 'quantitative', axis, scale: { zero: true } } },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1 },
          encoding: {
            y: { field: 'imagesPerSecond', type: 'quantitative' },
            shape: { ...byLoader, scale: { domain: loaders, range: SHAPES } },
            tooltip: ['loader', 'workers', 'imagesPerSecond', 'low', 'high'].map((field) => ({ field })),
          },
        },
      ],
    },
  };
}

export async function toSvg(chart: TopLevelSpec): Promise<string> {
  return new vega.View(vega.parse(compile(chart).spec), { renderer: 'none' }).toSVG();
}

/** The chart's data. */
export function ratesCsv(rates: readonly Rate[]): string {
  const columns = ['transform', 'workers', 'loader', 'imagesPerSecond', 'low', 'high'] as const;
  const lines = rates.map((rate) => columns.map((column) => JSON.stringify(rate[column])).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
