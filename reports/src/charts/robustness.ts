/** What networks withstand: curves over eps with their confidence intervals. */
import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, INK, optional, SCHEMA, short, stylesOf, valuesOf } from './style.js';

/** A number at one eps: of an arm, or of a comparison of two. */
export interface EpsRow {
  curve: string;
  /** In 1/255. */
  eps: number;
  value: number;
  /** Of the 95 % confidence interval. */
  low?: number;
  high?: number;
  images: number;
}

/**
 * Curves over eps, on an axis that gives small eps more room.
 * @param title of the values, such as `accuracy under attack, %`.
 * @param zero draws a line at 0, which differences are compared with.
 * @example
 * ```ts
 * const chart = epsChart([{ curve: 'baseline', eps: 1, value: 31, images: 1000 }], 'accuracy under attack, %');
 * ```
 */
export function epsChart(rows: readonly EpsRow[], title: string, { zero = false } = {}): TopLevelSpec {
  const { color, strokeDash, shape } = stylesOf([...new Set(rows.map(({ curve }) => curve))], 'curve');
  const levels = [...new Set(rows.map(({ eps }) => eps))].sort((a, b) => a - b);
  const x = {
    ...{ field: 'eps', type: 'quantitative' as const, title: 'largest change of a pixel, in 1/255' },
    scale: { type: 'sqrt' as const, nice: false },
    axis: { values: levels, grid: false, format: '~g' },
  };
  const y = { field: 'value', type: 'quantitative' as const, title, scale: { zero: true } };
  const interval = optional([
    { field: 'low', title: '95 % from', format: '.4~f' },
    { field: 'high', title: '95 % to', format: '.4~f' },
  ]);
  const tooltip = [
    { field: 'curve' },
    { field: 'eps' },
    { field: 'value', title, format: '.4~f' },
    ...interval.tooltip,
    { field: 'images' },
  ];
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 480,
    height: 280,
    data: valuesOf(
      rows.map(({ value, low, high, ...row }) => ({
        ...row,
        value: short(value),
        ...(low !== undefined && high !== undefined && { low: short(low), high: short(high) }),
      })),
    ),
    transform: interval.transform,
    layer: [
      ...(zero
        ? [{ mark: { type: 'rule' as const, style: INK, strokeDash: [2, 3] }, encoding: { y: { datum: 0 } } }]
        : []),
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'area', opacity: 0.15 },
        encoding: { x, color, y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      {
        mark: { type: 'line', strokeWidth: 2, point: { size: 40, filled: true } },
        encoding: { x, color, y, strokeDash, shape, tooltip },
      },
    ],
  };
}
