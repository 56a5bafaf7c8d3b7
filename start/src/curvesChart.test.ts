import { toSvg } from '@refconv/reports';
import { expect } from 'chai';
import { compile } from 'vega-lite';
import { curvePoints, curvesChart, toCsv } from './curvesChart.js';
import { RESULT } from './testing/result.js';

const points = curvePoints(RESULT);

describe('the chart of the three curves', () => {
  it('counts epochs from the start of the baseline', () => {
    expect(points.map(({ curve, epoch }) => `${curve} ${epoch}`)).to.deep.equal([
      'baseline 1',
      'baseline 2',
      'control, no RefConv 3',
      'control, no RefConv 4',
      'RefConv 3',
      'RefConv 4',
    ]);
    expect(points.map(({ top1 }) => top1.toFixed(2))).to.deep.equal([
      '12.34',
      '23.45',
      '34.56',
      '50.00',
      '9.87',
      '45.67',
    ]);
  });

  it('shows a baseline that was trained before as the level that the others begin at', () => {
    const kept = { ...RESULT, baseline: { epochs: 105, testTop1: 0.8, run: 'a'.repeat(64) } };
    const { curves } = kept;
    const shown = curvePoints({ ...kept, curves: { ...curves, baseline: [] } });
    expect(shown.map(({ curve, epoch, top1 }) => `${curve} ${epoch} ${top1}`)).to.deep.equal([
      ...['baseline 0 80', 'baseline 2 80'],
      ...['control, no RefConv 0 80', 'control, no RefConv 1 34.56', 'control, no RefConv 2 50'],
      ...['RefConv 0 80', 'RefConv 1 9.87', 'RefConv 2 45.67'],
    ]);
    expect(curvesChart(shown, 0)).to.have.property('layer').with.lengthOf(1);
  });

  it('is a vega-lite chart that holds its data', () => {
    const chart = curvesChart(points, 2);
    expect(chart).to.have.nested.property('data.values').that.deep.equals(points);
    expect(chart).to.have.nested.property('encoding.x.field', 'epoch');
    expect(chart)
      .to.have.nested.property('encoding.x.scale')
      .that.deep.equals({ domain: [0, 4] });
    expect(chart).to.have.nested.property('layer[0].encoding.x.datum', 2);
    const domain = ['baseline', 'control, no RefConv', 'RefConv'];
    expect(chart).to.have.nested.property('layer[1].encoding.y.field', 'top1');
    for (const [channel, range] of [
      ['color', ['#0072B2', '#7f7f7f', '#D55E00']],
      ['shape', ['circle', 'square', 'triangle-up']],
    ]) {
      expect(chart).to.have.nested.property(`layer[1].encoding.${channel}.field`, 'curve');
      expect(chart).to.have.nested.property(`layer[1].encoding.${channel}.scale`).that.deep.equals({ domain, range });
    }
    const warnings: unknown[] = [];
    const warn = (...messages: unknown[]) => {
      warnings.push(...messages);
      return logger;
    };
    const logger = { level: () => logger, error: warn, warn, info: () => logger, debug: () => logger };
    compile(chart, { logger: logger as never });
    expect(warnings).to.deep.equal([]);
  });

  it('becomes an SVG with the three lines and their six points', async () => {
    const svg = await toSvg(curvesChart(points, 2));
    expect(svg).to.match(/^<svg /);
    for (const colour of ['#0072B2', '#7f7f7f', '#D55E00']) expect(svg).to.contain(`stroke="${colour}"`);
    expect(svg.match(/aria-roledescription="point"/g)).to.have.lengthOf(6);
    expect(svg).not.to.contain('http://www.w3.org/1999/xhtml');
  });

  it('becomes CSV', () => {
    expect(toCsv(points.slice(1, 3))).to.equal(
      `curve,epoch,test_top1_percent\n"baseline",2,${points[1]?.top1}\n"control, no RefConv",3,${points[2]?.top1}\n`,
    );
  });
});
