import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import type { Grid } from './grid.js';
import { appendToLedger, readLedger } from './ledger.js';
import type { Result } from './result.js';
import { tableCsv, tableFrom, tableMarkdown } from './table.js';
import { resultOf } from './testing/result.js';
import { NOTES, temporaryFolder } from './testing/tiny.js';

describe('the table', () => {
  const at = temporaryFolder();

  /** Top-1 in percent by arm and seed. */
  async function table(
    arms: Record<string, Record<number, number>>,
    changes: Partial<Grid> = {},
    data = 'synthetic',
    measured: (seed: number) => Partial<Result> = () => ({}),
  ) {
    const grid: Grid = { ...NOTES, name: 'made-up', question: 'A question?', rows: [], runs: {}, ...changes };
    const root = at(Math.random().toString());
    let number = 0;
    for (const [arm, bySeed] of Object.entries(arms)) {
      for (const [seed, percent] of Object.entries(bySeed)) {
        const { spec, ...result } = resultOf(Number(seed));
        const hash = String(number++).padStart(64, '0');
        grid.rows.push({ network: 'mobilenetv1', arm, seed: Number(seed), hash });
        // Not done.
        if (Number.isNaN(percent)) continue;
        const set = { ...spec.data, name: data } as typeof spec.data;
        await appendToLedger(root, {
          ...{ ...result, ...measured(Number(seed)) },
          ...{ spec: { ...spec, data: set }, hash, top1: percent / 100 },
        });
      }
    }
    const rows = tableFrom(grid, await readLedger(root));
    return { grid, rows, of: (arm: string) => rows.find((row) => row.arm === arm) as (typeof rows)[number] };
  }

  it('says which runs it leaves out, as they are not done', async () => {
    const { grid, rows } = await table({ baseline: { 1: 70, 2: Number.NaN }, refconv: { 1: Number.NaN } });
    const left =
      '2 runs of 3 left out, not being done: (mobilenetv1, baseline, seed 2), (mobilenetv1, refconv, seed 1).';
    expect(tableMarkdown(grid, rows)).to.contain(left);
    const whole = await table({ baseline: { 1: 70 } });
    expect(tableMarkdown(whole.grid, whole.rows)).not.to.contain('left out');
  });

  it('has means, standard deviations of samples, and gains paired by seed with intervals of Student’s t', async () => {
    const { rows, of } = await table({
      baseline: { 1: 70, 2: 72, 3: 71 },
      refconv: { 1: 71, 2: 74, 3: 74 },
      // Gains of 1, 2, 3, 4 and 5 are not all paired: two of its seeds the baseline has not.
      other: { 1: 71, 2: 74, 3: 74, 4: 99, 5: 99 },
    });
    expect(rows).to.have.lengthOf(3);
    const baseline = of('baseline');
    expect(baseline.top1).to.be.closeTo(71, 1e-9);
    expect(baseline.top1Deviation).to.be.closeTo(1, 1e-9);
    expect(baseline).to.include({ n: 3, gain: undefined, pairs: 0 }).and.not.have.property('gainLow');
    // Differences 1, 2, 3: mean 2, deviation 1; t(0.975, 2 degrees of freedom) is 4.303 in the tables.
    for (const arm of ['refconv', 'other']) {
      const { gain, gainLow, gainHigh, pairs } = of(arm);
      expect(pairs).to.equal(3);
      expect(gain).to.be.closeTo(2, 1e-9);
      expect(gainLow).to.be.closeTo(2 - 4.303 / Math.sqrt(3), 5e-4);
      expect(gainHigh).to.be.closeTo(2 + 4.303 / Math.sqrt(3), 5e-4);
    }
    expect(of('refconv').top1).to.be.closeTo(73, 1e-9);
    // (71, 74, 74): squares of −2, 1, 1 are 6; 6 ÷ 2.
    expect(of('refconv').top1Deviation).to.be.closeTo(Math.sqrt(3), 1e-9);
    expect(of('other')).to.deep.include({ n: 5, seeds: [1, 2, 3, 4, 5] });
  });

  it('has the interval of ten seeds', async () => {
    const seeds = Array.from({ length: 10 }, (_, i) => i + 1);
    const values = (value: (seed: number) => number) => Object.fromEntries(seeds.map((seed) => [seed, value(seed)]));
    const { of } = await table({ baseline: values(() => 50), refconv: values((seed) => 50 + seed) });
    // 1 to 10: mean 5.5, variance 82.5 ÷ 9; t(0.975, 9) is 2.262 in the tables.
    const half = (2.262 * Math.sqrt(82.5 / 9)) / Math.sqrt(10);
    expect(of('refconv').gain).to.be.closeTo(5.5, 1e-9);
    expect(of('refconv').gainLow).to.be.closeTo(5.5 - half, 1e-3);
    expect(of('refconv').gainHigh).to.be.closeTo(5.5 + half, 1e-3);
  });

  it('has medians of time and memory, of two runs half-way between them', async () => {
    const measured = (seed: number) => ({ peakMemory: 100 * seed, stepMilliseconds: 2 ** seed, trainSeconds: seed });
    const arms = { two: { 1: 70, 2: 71 }, four: { 1: 70, 2: 71, 3: 72, 9: 73 } };
    const { of } = await table(arms, {}, 'synthetic', measured);
    expect(of('two')).to.include({ peakMemory: 150, stepMilliseconds: 3, trainSeconds: 1.5 });
    expect(of('four')).to.include({ peakMemory: 250, stepMilliseconds: 6, trainSeconds: 2.5 });
  });

  it('says nothing that too few runs do not show', async () => {
    const { grid, rows, of } = await table({ baseline: { 1: 70 }, refconv: { 1: 71 }, wn: { 1: Number.NaN } });
    expect(of('refconv').gain).to.be.closeTo(1, 1e-9);
    expect(of('refconv')).to.not.have.any.keys('gainLow', 'gainHigh');
    expect(of('refconv').top1Deviation).to.equal(undefined);
    expect(of('wn')).to.include({ n: 0, top1: undefined, gain: undefined, parameters: undefined });
    expect(tableMarkdown(grid, rows)).to.match(/\| mobilenetv1 \| wn \| 0 \|\s+\|/);
  });

  it('sets the paper’s gain beside its own only on the paper’s data', async () => {
    const paper = { arm: 'refconv', gains: { mobilenetv1: 1.5 } };
    const arms = { baseline: { 1: 70 }, refconv: { 1: 71 } };
    const elsewhere = (await table(arms, { paper })).of('refconv');
    expect(elsewhere).to.include({ paper: 1.5 }).and.not.have.property('difference');
    const there = (await table(arms, { paper }, 'imagenet')).of('refconv');
    expect(there.difference).to.be.closeTo(-0.5, 1e-9);
    expect((await table(arms, { paper })).of('baseline').paper).to.equal(undefined);
  });

  it('is written as CSV and as Markdown', async () => {
    const { grid, rows } = await table({ baseline: { 1: 70, 2: 71 }, refconv: { 1: 71, 2: 73 } });
    const csv: Record<string, string>[] = parse(tableCsv(rows), { columns: true });
    expect(csv).to.have.lengthOf(2);
    expect(csv[1]).to.include({ arm: 'refconv', n: '2', seeds: '1 2', pairs: '2', paper: '', difference: '' });
    expect(Number(csv[1]?.gain)).to.be.closeTo(1.5, 1e-9);
    const markdown = tableMarkdown(grid, rows);
    expect(markdown)
      .to.contain('70.50 ± 0.71')
      .and.contain('+1.50')
      .and.contain('A question?')
      .and.contain('Seeds: 1, 2.')
      // Columns without a value.
      .and.not.match(/\| paper \||\| difference \|/);
    expect(markdown).to.contain(`Commits: ${'a'.repeat(12)};`);
  });
});
