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

/** The style of marks that have the text's colour: black on white, and white where the page is dark. */
export const INK = 'ink';

/** Pixels that a name may take: whole unless it is absurd. */
const LONGEST = 500;

export const CONFIG: TopLevelSpec['config'] = {
  style: { [INK]: { color: '#1b1f23' } },
  axis: {
    ...{ labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', titlePadding: 8, labelFlush: false },
    ...{ labelLimit: LONGEST, titleLimit: LONGEST },
  },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    symbolSize: 80,
    symbolOpacity: 1,
    labelLimit: LONGEST,
    titleLimit: LONGEST,
    columns: 3,
  },
  header: { labelFontSize: 13, titleFontSize: 13, labelLimit: LONGEST, titleLimit: LONGEST },
  title: { limit: LONGEST },
  view: { stroke: null },
};

/** Of numbers from small to large: the larger, the darker. */
export const SCALE = { scheme: 'viridis', reverse: true } as const;

/** Rows as vega takes them: copies, so that a chart is a value of its own. */
export const valuesOf = (rows: readonly object[]) => ({ values: rows.map((row) => ({ ...row })) });

/** A number with six digits: more cannot be seen, and files stay small. */
export const short = (value: number) => Number(value.toPrecision(6));

/** Entries of a tooltip that some rows lack, where a dash stands for them, and the transform that they need. */
export function optional(entries: readonly { field: string; title: string; format: string }[]) {
  const text = (field: string) => `${field}Text`;
  return {
    transform: entries.map(({ field, format }) => ({
      calculate: `isValid(datum.${field}) ? format(datum.${field}, '${format}') : '–'`,
      as: text(field),
    })),
    tooltip: entries.map(({ field, title }) => ({ field: text(field), title })),
  };
}

const cycle = <T>(values: readonly T[], count: number, shift = 0) =>
  Array.from({ length: count }, (_, i) => values[(i + shift * Math.floor(i / values.length)) % values.length] as T);

/** Encodings of names by colour, dash and shape. Names beyond the sixth have the colours again, with other dashes and shapes. */
export function stylesOf(names: readonly string[], field: string) {
  const encoding = <T>(range: T[]) => ({
    ...{ field, type: 'nominal' as const, title: null },
    scale: { domain: [...names], range },
    legend: { orient: 'top' as const },
  });
  return {
    color: encoding(cycle(COLOURS, names.length)),
    strokeDash: encoding(cycle(DASHES, names.length, 1)),
    shape: encoding(cycle(SHAPES, names.length, 1)),
  };
}
