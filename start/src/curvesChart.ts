/** The chart of the three curves. */
import type { TopLevelSpec } from 'vega-lite';
import { CURVES, type Curve, type StartResult } from './result.js';

/** One point: accuracy on the test images after an epoch, counted from the baseline's start. */
export interface CurvePoint {
  curve: string;
  epoch: number;
  /** In percent. */
  top1: number;
}

/** Blue, grey and vermilion differ for colour-blind readers (after Okabe and Ito), and all stand 3:1 out of white and of near-black. */
const STYLES: Record<Curve, { name: string; colour: string; shape: string; dash: number[] }> = {
  baseline: { name: 'baseline', colour: '#0072B2', shape: 'circle', dash: [1, 0] },
  control: { name: 'control, no RefConv', colour: '#7f7f7f', shape: 'square', dash: [6, 3] },
  refconv: { name: 'RefConv', colour: '#D55E00', shape: 'triangle-up', dash: [1, 0] },
};

type Curves = Pick<StartResult, 'curves' | 'recipe' | 'baseline'>;

/** Epochs that the chart shows of the baseline: none of one that was trained before. */
export const baselineEpochs = ({ baseline }: Pick<StartResult, 'baseline'>): number =>
  baseline.run === undefined ? baseline.epochs : 0;

/** The points of all three curves. Control and RefConv go on where the baseline ended; one that was trained before is a level line. */
export function curvePoints(result: Curves): CurvePoint[] {
  const { curves, recipe, baseline } = result;
  const begin = baselineEpochs(result);
  const level = [0, recipe.epochs].map((epoch) => ({ epoch, testTop1: baseline.testTop1 }));
  const start = begin === 0 ? level.slice(0, 1) : [];
  const shown = {
    baseline: begin === 0 ? level : curves.baseline,
    control: [...start, ...curves.control],
    refconv: [...start, ...curves.refconv],
  };
  return CURVES.flatMap((curve) =>
    shown[curve].map(({ epoch, testTop1 }) => ({
      curve: STYLES[curve].name,
      epoch: curve === 'baseline' ? epoch : begin + epoch,
      top1: Math.round(1e6 * testTop1) / 1e4,
    })),
  );
}

/** The vega-lite chart of the points; a rule stands where the baseline ends, after so many epochs, where it was trained here. */
export function curvesChart(points: readonly CurvePoint[], begin: number): TopLevelSpec {
  const styles = CURVES.map((curve) => STYLES[curve]);
  const domain = styles.map(({ name }) => name);
  const last = points.reduce((max, { epoch }) => Math.max(max, epoch), 0);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 400,
    height: 280,
    background: 'white',
    data: { values: points.map((point) => ({ ...point })) },
    config: {
      axis: { labelFontSize: 13, titleFontSize: 13, titleFontWeight: 'normal', titlePadding: 8 },
      legend: { labelFontSize: 13, orient: 'top', symbolSize: 90, labelLimit: 0 },
      view: { stroke: null },
    },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        title: begin > 0 ? 'epochs from the start of the baseline' : 'epochs after the baseline',
        scale: { domain: [0, last] },
        axis: { tickMinStep: 1, grid: false },
      },
    },
    layer: [
      ...(begin > 0
        ? [{ mark: { type: 'rule' as const, strokeDash: [2, 3], color: '#888888' }, encoding: { x: { datum: begin } } }]
        : []),
      {
        mark: { type: 'line', strokeWidth: 2, point: { size: 45, filled: true } },
        encoding: {
          y: {
            field: 'top1',
            type: 'quantitative',
            title: 'test accuracy, %',
            scale: { zero: false },
          },
          color: {
            field: 'curve',
            type: 'nominal',
            title: null,
            scale: { domain, range: styles.map((s) => s.colour) },
          },
          shape: { field: 'curve', type: 'nominal', title: null, scale: { domain, range: styles.map((s) => s.shape) } },
          strokeDash: {
            field: 'curve',
            type: 'nominal',
            title: null,
            scale: { domain, range: styles.map((s) => s.dash) },
          },
        },
      },
    ],
  };
}

/** The points as CSV. No value has a comma or a quotation mark but the curve's name, which stands in quotation marks. */
export function toCsv(points: readonly CurvePoint[]): string {
  const lines = points.map(({ curve, epoch, top1 }) => `"${curve}",${epoch},${top1}`);
  return `curve,epoch,test_top1_percent\n${lines.join('\n')}\n`;
}
