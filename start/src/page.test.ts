import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { html } from '@refconv/reports';
import { expect } from 'chai';
import { reportPage } from './page.js';
import { writeReport } from './report.js';
import { RESULT } from './testing/result.js';

const SVG = '<svg width="10" height="10"><path d="M0,0"/></svg>';

describe('the report page', () => {
  const page = reportPage(RESULT, SVG);
  /** The cells of the page's tables, row by row. */
  const table = [...page.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
    [...(row as string).matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => cell),
  );

  it("has the result's numbers in its tables", () => {
    for (const row of [
      ['baseline', '2', '23.45 %'],
      ['control, no RefConv', '4', '50.00 %'],
      ['RefConv', '4', '45.67 %'],
      ['baseline', '215,642', '3,331,072', '40.1'],
      ['refocused, in training', '1,774,082', '', '43.2'],
      ['merged', '215,642', '3,331,072', '41.2'],
      ['1', '12.34 %', '34.56 %', '9.87 %'],
      ['2', '23.45 %', '50.00 %', '45.67 %'],
    ]) {
      expect(table).to.deep.include(row);
    }
  });

  it('says that one seed proves nothing, how far apart the two are, and how well merging went', () => {
    expect(page).to.contain('One seed proves nothing.').and.to.contain('−4.33 points from the control');
    expect(page).to.contain('with seed 7').and.to.contain('standard error of 1.00 points');
    expect(page.replaceAll('\n', ' ')).to.contain('the same class on 2,499 of 2,500 test images');
    expect(page).to.contain('differ by at most 1.3e-6').and.to.contain('1.02 (median; least 0.91, largest 1.13)');
    const same = { ...RESULT.agreement, largestLogitDifference: 0 };
    expect(reportPage({ ...RESULT, agreement: same }, SVG)).to.contain('are equal bit by bit');
  });

  it('says of a baseline that was trained before how it is made again', () => {
    const run = 'a'.repeat(64);
    const recipe = { ...RESULT.recipe, refocusingRate: 'matched' as const };
    const baseline = { epochs: 105, testTop1: 0.8, run };
    const curves = { ...RESULT.curves, baseline: [] };
    const kept = reportPage({ ...RESULT, recipe, baseline, curves, init: 'zero' }, SVG);
    expect(kept).to.contain('refconv experiment rerun aaaaaaaaaaaa').and.contain('trained before, for 105 epochs');
    expect(kept)
      .to.contain('<td>107</td><td>45.67 %</td>')
      .and.contain('at zero, so that')
      .and.contain('rate is matched');
    // Its accuracy stands above; it has no epochs to be shown.
    expect(kept).to.contain('<th scope="col">epoch</th><th scope="col">control</th>');
    expect(kept).to.match(/<th scope="row">1<\/th><td>34.56 %<\/td><td>9.87 %<\/td>/);
    expect(page).not.to.contain('rerun');
  });

  it('escapes what it shows', () => {
    expect(page).not.to.contain('<script');
    expect(page).to.contain('&#60;script&#62;alert(&#34;&#38;&#34;)');
    const name = '</title><script>x</script>';
    expect(reportPage({ ...RESULT, network: name, data: { ...RESULT.data, name } }, SVG)).not.to.contain('<script');
    expect(html`<p title='${`"'`}'>${[html`<b>${'<'}</b>`]}</p>`.text).to.equal(
      "<p title='&#34;&#39;'><b>&#60;</b></p>",
    );
  });

  it('describes its chart, and loads nothing', () => {
    expect(page).to.contain('<svg width="10" height="10" role="img" aria-labelledby="chart-title chart-description">');
    expect(page).to.contain('refconv ends at 45.67 %');
    expect(page).not.to.match(/\b(src|href)="(https?:)?\/\//);
  });

  it('is written with its chart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'refconv-report-'));
    try {
      const path = await writeReport(folder, RESULT);
      expect(await readdir(folder)).to.have.members(['index.html', 'chart.csv', 'chart.svg', 'chart.vl.json']);
      const svg = await readFile(join(folder, 'chart.svg'), 'utf8');
      expect(await readFile(path, 'utf8')).to.equal(reportPage(RESULT, svg));
      const chart = JSON.parse(await readFile(join(folder, 'chart.vl.json'), 'utf8'));
      expect(chart.data.values).to.have.lengthOf(6);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
