/** What all charts have in common. */
import type { TopLevelSpec } from 'vega-lite';

export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';

/** Okabe and Ito's colours that stand 3:1 out of white; they differ for colour-blind readers, and so do shapes and dashes. */
export const COLOURS = ['#0072B2', '#D55E00', '#00865F', '#A8588A', '#7f7f7f', '#8A6D00'];
export const SHAPES = ['circle', 'triangle-up', 'square', 'diamond', 'cross', 'triangle-down'];
export const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
  [4, 2],
  [10, 2],
];

export const CONFIG: TopLevelSpec['config'] = {
  axis: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', titlePadding: 8 },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    symbolSize: 80,
    symbolOpacity: 1,
    labelLimit: 0,
    titleLimit: 0,
  },
  header: { labelFontSize: 13, titleFontSize: 13 },
  view: { stroke: null },
};

/** Rows as vega takes them: copies, so that a chart is a value of its own. */
export const valuesOf = (rows: readonly object[]) => ({ values: rows.map((row) => ({ ...row })) });

/** A number with six digits: more cannot be seen, and files stay small. */
export const short = (value: number) => Number(value.toPrecision(6));
