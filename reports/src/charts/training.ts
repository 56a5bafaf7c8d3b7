/** Training curves, and bars with confidence intervals. */
import type { TopLevelSpec } from 'vega-lite';
import { COLOURS, CONFIG, DASHES, SCHEMA, SHAPES, short, valuesOf } from './style.js';

/** Accuracy after an epoch: the mean over seeds, and the least and largest. */
export interface EpochRow {
  network: string;
  arm: string;
  epoch: number;
  /** In percent. */
  top1: number;
  low: number;
  high: number;
  seeds: number;
}

/** Curves of an experiment's arms; a list chooses the network, another one an arm. */
export function trainingChart(rows: readonly EpochRow[]): TopLevelSpec {
  const unique = (key: 'network' | 'arm') => [...new Set(rows.map((row) => row[key]))];
  const [networks, arms] = [unique('network'), unique('arm')];
  const chosen = (name: string, options: string[], all: string | null) => ({
    name,
    value: all === null ? (options[0] ?? '') : '',
    bind: {
      input: 'select' as const,
      name: `${name} `,
      options: all === null ? options : ['', ...options],
      labels: all === null ? options : [all, ...options],
    },
  });
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 460,
    height: 280,
    params: [chosen('network', networks, null), chosen('arm', arms, 'all')],
    data: valuesOf(rows.map((row) => ({ ...row, top1: short(row.top1), low: short(row.low), high: short(row.high) }))),
    transform: [{ filter: "datum.network === network && (arm === '' || datum.arm === arm)" }],
    encoding: {
      x: { field: 'epoch', type: 'quantitative', axis: { tickMinStep: 1, grid: false } },
      color: {
        field: 'arm',
        type: 'nominal',
        title: null,
        scale: { domain: arms, range: COLOURS },
        legend: { orient: 'top', columns: 3 },
      },
    },
    layer: [
      {
        mark: { type: 'area', opacity: 0.15 },
        encoding: {
          y: { field: 'low', type: 'quantitative', title: 'test accuracy, %', scale: { zero: false } },
          y2: { field: 'high' },
        },
      },
      {
        mark: { type: 'line', strokeWidth: 2, point: { size: 30, filled: true } },
        encoding: {
          y: { field: 'top1', type: 'quantitative' },
          strokeDash: { field: 'arm', type: 'nominal', title: null, scale: { domain: arms, range: DASHES } },
          shape: { field: 'arm', type: 'nominal', title: null, scale: { domain: arms, range: SHAPES } },
          tooltip: [
            { field: 'arm' },
            { field: 'epoch' },
            { field: 'top1', title: 'mean accuracy, %', format: '.2f' },
            { field: 'low', title: 'least', format: '.2f' },
            { field: 'high', title: 'largest', format: '.2f' },
            { field: 'seeds' },
          ],
        },
      },
    ],
  };
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

/** Bars of gains; whiskers are confidence intervals, a tick is the paper's gain. */
export function gainsChart(rows: readonly GainRow[]): TopLevelSpec {
  const arms = [...new Set(rows.map(({ arm }) => arm))];
  const y = { field: 'network', type: 'nominal', title: null, sort: null, axis: { labelLimit: 140 } } as const;
  const yOffset = { field: 'arm', type: 'nominal', sort: null } as const;
  const tooltip = [
    { field: 'network' },
    { field: 'arm' },
    { field: 'gain', title: 'gain, points', format: '+.2f' },
    { field: 'low', title: '95 % from', format: '+.2f' },
    { field: 'high', title: '95 % to', format: '+.2f' },
    { field: 'pairs', title: 'seeds' },
    { field: 'paper', title: "the paper's", format: '+.2f' },
  ];
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 460,
    height: { step: 18 },
    data: valuesOf(rows),
    encoding: { y, yOffset },
    layer: [
      {
        mark: { type: 'bar', opacity: 0.85 },
        encoding: {
          x: { field: 'gain', type: 'quantitative', title: 'gain over the baseline, points of top-1' },
          color: {
            field: 'arm',
            type: 'nominal',
            title: null,
            scale: { domain: arms, range: COLOURS },
            legend: { orient: 'top', columns: 3 },
          },
          tooltip,
        },
      },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule', color: '#1b1f23', strokeWidth: 1.5 },
        encoding: { x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } },
      },
      {
        transform: [{ filter: 'isValid(datum.paper)' }],
        mark: { type: 'point', shape: 'diamond', size: 60, filled: true, color: '#1b1f23' },
        encoding: { x: { field: 'paper', type: 'quantitative' }, tooltip },
      },
    ],
  };
}
