/** What a classifier's predictions say: reliability, accuracy by class, confusion. */
import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, INK, SCALE, SCHEMA, short, stylesOf, valuesOf } from './style.js';

/** A bin of confidence of a run, all shares 0 to 1. */
export interface ReliabilityRow {
  run: string;
  confidence: number;
  accuracy: number;
  count: number;
}

/** Reliability diagram: on the diagonal a network is right as often as it is confident. */
export function reliabilityChart(rows: readonly ReliabilityRow[]): TopLevelSpec {
  const { color, strokeDash, shape } = stylesOf([...new Set(rows.map(({ run }) => run))], 'run');
  const axis = (title: string) => ({
    type: 'quantitative' as const,
    title,
    scale: { domain: [0, 1] },
    axis: { format: '%', tickCount: 5 },
  });
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 320,
    height: 320,
    layer: [
      {
        data: { values: [0, 1].map((at) => ({ at })) },
        mark: { type: 'line', style: INK, strokeWidth: 1, strokeDash: [2, 3] },
        encoding: { x: { field: 'at', ...axis('confidence') }, y: { field: 'at', ...axis('accuracy') } },
      },
      {
        data: valuesOf(
          rows.map((row) => ({ ...row, confidence: short(row.confidence), accuracy: short(row.accuracy) })),
        ),
        mark: { type: 'line', strokeWidth: 2, point: { size: 40, filled: true } },
        encoding: {
          x: { field: 'confidence', ...axis('confidence') },
          y: { field: 'accuracy', ...axis('accuracy') },
          ...{ color, strokeDash, shape },
          tooltip: [
            { field: 'run' },
            { field: 'confidence', title: 'mean confidence', format: '.2%' },
            { field: 'accuracy', format: '.2%' },
            { field: 'count', title: 'images' },
          ],
        },
      },
    ],
  };
}

/** Accuracy of a class, in percent. */
export interface ClassRow {
  run: string;
  class: string;
  top1: number;
  images: number;
}

/** A bar for each class and run. */
export function classChart(rows: readonly ClassRow[]): TopLevelSpec {
  const { color } = stylesOf([...new Set(rows.map(({ run }) => run))], 'run');
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 460,
    height: { step: 12 },
    data: valuesOf(rows.map((row) => ({ ...row, top1: short(row.top1) }))),
    mark: { type: 'bar' },
    encoding: {
      y: { field: 'class', type: 'nominal', title: null, sort: null },
      yOffset: { field: 'run', type: 'nominal', sort: null },
      x: { field: 'top1', type: 'quantitative', title: 'test accuracy, %', scale: { domain: [0, 100] } },
      color,
      tooltip: [
        { field: 'run' },
        { field: 'class' },
        { field: 'top1', title: 'accuracy, %', format: '.2f' },
        { field: 'images' },
      ],
    },
  };
}

/** So many images of a class were taken for another. */
export interface ConfusionCell {
  label: string;
  prediction: string;
  /** Share of the label's images, 0 to 1. */
  share: number;
  count: number;
}

/** A confusion matrix; its numbers are written into it where there are few classes. */
export function confusionChart(cells: readonly ConfusionCell[]): TopLevelSpec {
  const classes = [...new Set(cells.map(({ label }) => label))];
  const few = classes.length <= 12;
  const axis = few ? { labelAngle: -45 } : { labels: false, ticks: false };
  const size = few ? 36 * classes.length : 360;
  const encoding = {
    x: { field: 'prediction', type: 'nominal' as const, sort: null, title: 'prediction', axis },
    y: { field: 'label', type: 'nominal' as const, sort: null, title: 'label', axis: few ? {} : axis },
  };
  const text = { field: 'count', type: 'quantitative' as const };
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: size,
    height: size,
    data: valuesOf(cells.map((cell) => ({ ...cell, share: short(cell.share) }))),
    encoding,
    layer: [
      {
        mark: { type: 'rect' },
        encoding: {
          color: {
            field: 'share',
            type: 'quantitative',
            title: "share of the label's images",
            scale: { ...SCALE, domain: [0, 1] },
            legend: { format: '%', orient: 'top', gradientLength: 160 },
          },
          tooltip: [
            { field: 'label' },
            { field: 'prediction' },
            { field: 'count', title: 'images' },
            { field: 'share', format: '.1%' },
          ],
        },
      },
      ...(few
        ? [
            {
              mark: { type: 'text' as const, fontSize: 11 },
              encoding: {
                text,
                color: { condition: { test: 'datum.share > 0.45', value: 'white' }, value: 'black' },
              },
            },
          ]
        : []),
    ],
  };
}
