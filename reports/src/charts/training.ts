/** Training curves, and bars with confidence intervals. */
import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, INK, optional, SCHEMA, short, stylesOf, valuesOf } from './style.js';

/** A number after an epoch: of a single run, or the mean over an arm's runs with the least and largest. */
export interface CurveRow {
  /** The arm, or where there are no arms the run: it has a colour, and can be chosen. */
  curve: string;
  /** Which of the curve's runs; left out of the mean, and where a curve is one run. */
  run?: string;
  epoch: number;
  value: number;
  low?: number;
  high?: number;
  /** Runs that the mean is over. */
  runs?: number;
}

/** Above so many epochs points stand too close to be drawn; they are there for tooltips. */
const POINTS = 30;

/**
 * Curves that boxes show and hide; another box shows the single runs beside their means.
 * @example
 * ```ts
 * const chart = trainingChart([{ curve: 'baseline', epoch: 1, value: 61.2 }], 'top-1, %');
 * ```
 */
export function trainingChart(all: readonly CurveRow[], title: string): TopLevelSpec {
  const rows = thinned(all);
  const curves = [...new Set(rows.map(({ curve }) => curve))];
  const { color, strokeDash, shape } = stylesOf(curves, 'curve');
  const single = rows.some(({ run }) => run !== undefined);
  const box = (name: string, label: string, value: boolean) => ({
    name,
    value,
    bind: { input: 'checkbox' as const, name: label },
  });
  const epochs = rows.reduce((most, { epoch }) => Math.max(most, epoch), 0);
  const point = epochs > POINTS ? ('transparent' as const) : { size: 30, filled: true };
  const shown = `[${curves.map((_, i) => `curve${i}`)}][datum.index]`;
  const y = { field: 'value', type: 'quantitative', title, scale: { zero: false } } as const;
  const overRuns = optional(
    rows.some(({ low }) => low !== undefined)
      ? [
          { field: 'low', title: 'least', format: '.4~f' },
          { field: 'high', title: 'largest', format: '.4~f' },
          { field: 'runs', title: 'runs', format: 'd' },
        ]
      : [],
  );
  const tooltip = [
    { field: 'curve' },
    { field: 'epoch' },
    { field: 'value', title, format: '.4~f' },
    ...overRuns.tooltip,
  ];
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 480,
    height: 280,
    params: [
      ...curves.map((curve, i) => box(`curve${i}`, curve, true)),
      ...(single ? [box('single', 'single runs', false)] : []),
      {
        name: 'from',
        value: 1,
        bind: { input: 'range' as const, name: 'from epoch', min: 1, max: Math.max(1, epochs - 1), step: 1 },
      },
    ],
    data: valuesOf(
      rows.map(({ value, low, high, ...row }) => ({
        ...row,
        index: curves.indexOf(row.curve),
        value: short(value),
        ...(low !== undefined && high !== undefined && { low: short(low), high: short(high) }),
      })),
    ),
    transform: [
      { filter: `${shown} && datum.epoch >= from${single ? ' && (single || !isValid(datum.run))' : ''}` },
      ...overRuns.transform,
    ],
    encoding: {
      x: {
        ...{ field: 'epoch', type: 'quantitative' },
        // A single epoch would have no span, and ticks between whole numbers.
        ...(epochs > 1
          ? { scale: { zero: false }, axis: { tickMinStep: 1, grid: false } }
          : { scale: { domain: [0.5, 1.5] }, axis: { values: [1], grid: false } }),
      },
      color,
    },
    layer: [
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'area', opacity: 0.15 },
        encoding: { y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      ...(single
        ? [
            {
              transform: [{ filter: 'isValid(datum.run)' }],
              mark: { type: 'line' as const, strokeWidth: 1, opacity: 0.6 },
              encoding: { y, detail: { field: 'run', type: 'nominal' as const } },
            },
          ]
        : []),
      {
        transform: [{ filter: '!isValid(datum.run)' }],
        mark: { type: 'line', strokeWidth: 2, point },
        encoding: { y, strokeDash, shape, tooltip },
      },
    ],
  };
}

/** More cannot be told apart, and take minutes to draw. */
const EPOCHS = 2000;

/** Every so many epochs alone where there are very many; the last stays. */
function thinned(rows: readonly CurveRow[]): readonly CurveRow[] {
  const last = rows.reduce((most, { epoch }) => Math.max(most, epoch), 0);
  const every = Math.ceil(last / EPOCHS);
  return every <= 1 ? rows : rows.filter(({ epoch }) => (last - epoch) % every === 0);
}

/** A gain over the baseline in points, with its 95 % confidence interval where there is one, and the paper's. */
export interface GainRow {
  network: string;
  arm: string;
  gain: number;
  low?: number;
  high?: number;
  pairs: number;
  paper?: number;
}

/**
 * Bars of gains; whiskers are confidence intervals, a diamond is the paper's gain.
 * @param arms in the order of their colours; those of the rows by default.
 * @example
 * ```ts
 * const chart = gainsChart([{ network: 'mobilenetv1', arm: 'refconv', gain: 0.85, low: 0.4, high: 1.3, pairs: 3 }]);
 * ```
 */
export function gainsChart(
  rows: readonly GainRow[],
  arms: readonly string[] = [...new Set(rows.map(({ arm }) => arm))],
): TopLevelSpec {
  const { color } = stylesOf(arms, 'arm');
  const paper = rows.some((row) => row.paper !== undefined);
  const known = optional([
    { field: 'low', title: '95 % from', format: '+.2f' },
    { field: 'high', title: '95 % to', format: '+.2f' },
    ...(paper ? [{ field: 'paper', title: "the paper's", format: '+.2f' }] : []),
  ]);
  const tooltip = [
    { field: 'network' },
    { field: 'arm' },
    { field: 'gain', title: 'gain, points', format: '+.2f' },
    ...known.tooltip,
    { field: 'pairs', title: 'seeds' },
  ];
  // One arm: the networks stand below each other. Several: each network has a panel of its own.
  const several = new Set(rows.map(({ arm }) => arm)).size > 1;
  const y = { type: 'nominal' as const, title: null, sort: null };
  const bars = {
    width: 400,
    height: { step: 20 },
    encoding: { y: { ...y, field: several ? 'arm' : 'network' } },
    layer: [
      {
        mark: { type: 'bar' as const, opacity: 0.85, height: { band: 0.8 } },
        encoding: {
          x: { field: 'gain', type: 'quantitative' as const, title: 'gain over the baseline, points' },
          // The labels say it; the colour is the curves'.
          color: { ...color, legend: null },
          tooltip,
        },
      },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule' as const, style: INK, strokeWidth: 1.5 },
        encoding: { x: { field: 'low', type: 'quantitative' as const }, x2: { field: 'high' }, tooltip },
      },
      ...(paper
        ? [
            {
              transform: [{ filter: 'isValid(datum.paper)' }],
              mark: { type: 'point' as const, shape: 'diamond', size: 60, filled: true, style: INK },
              encoding: { x: { field: 'paper', type: 'quantitative' as const }, tooltip },
            },
          ]
        : []),
    ],
  };
  const { transform } = known;
  const common = { $schema: SCHEMA, background: 'white', config: CONFIG, data: valuesOf(rows), transform };
  if (!several) return { ...common, ...bars };
  const networks = [...new Set(rows.map(({ network }) => network))];
  const header = { labelOrient: 'top' as const, labelAnchor: 'start' as const, labelFontWeight: 'bold' as const };
  return {
    ...common,
    facet: { row: { field: 'network', type: 'nominal', title: null, sort: networks, header } },
    spec: bars,
  };
}
