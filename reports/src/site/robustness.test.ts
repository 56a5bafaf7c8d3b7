import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EpsRow } from '../charts/robustness.js';
import { writeAnalyses } from '../testing/analyses.js';
import { type NetworkAnalysis, numbersOf, readAnalyses } from './analyses.js';
import { type Experiment, readSite } from './read.js';
import { robustnessFigures } from './robustness.js';

describe('robustness in the report', () => {
  let root: string;
  let experiment: Experiment;
  let analyses: NetworkAnalysis[];
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'refconv-robustness-'));
    await writeAnalyses(root, 'robustness-cifar', 'a');
    [experiment] = (await readSite(root)).experiments as [Experiment];
    analyses = await readAnalyses(root, experiment);
  });
  after(() => rm(root, { recursive: true }));

  it('has a row of numbers for each arm and seed', () => {
    const rows = analyses
      .filter(({ id }) => id === 'robustness')
      .map(({ of, seed, rows: [row] }) => ({ of, seed, ...row }));
    expect(rows.map(({ of, seed }) => [of, seed])).to.deep.equal(
      [1, 2].flatMap((seed) => ['baseline', 'retraining', 'refconv'].map((of) => [of, seed])),
    );
    for (const row of rows)
      expect(row).to.deep.include({ images: 60, accuracy_at_0: row.of === 'baseline' ? 41 / 60 : 0.8 });
  });

  it('gives claims the difference of what images withstand, seed by seed, and those of skeletons', () => {
    const [{ numbers }] = numbersOf([{ experiment, analyses }]) as [ReturnType<typeof numbersOf>[number]];
    const of = (measure: string, arm: string, seed: number) =>
      numbers.find((each) => each.measure === measure && each.arm === arm && each.seed === seed);
    const more = (measure: string, against: string, seed: number) =>
      Number(of(measure, 'refconv', seed)?.value) - Number(of(measure, against, seed)?.value);
    for (const seed of [1, 2]) {
      // Four of five images withstand more; all below the largest eps.
      expect(more('robustness', 'baseline', seed)).to.be.closeTo(0.8 * (0.2 + 0.01 * seed), 1e-9);
      expect(more('robustness', 'retraining', seed)).to.be.closeTo(0.8 * (0.1 + 0.01 * seed), 1e-9);
      expect(of('cross', 'refconv', seed)?.change).to.be.closeTo(10, 1e-9);
      expect(more('cross', 'retraining', seed)).to.be.closeTo(4, 1e-9);
      expect(of('centre', 'refconv', seed)?.change).to.be.closeTo(10, 1e-9);
      expect(more('centre', 'retraining', seed)).to.be.closeTo(5, 1e-9);
    }
    expect(new Set(numbers.map(({ seed }) => seed))).to.deep.equal(new Set([1, 2]));
  });

  it('draws curves, and differences of the same images with their intervals', () => {
    const [curves, differences] = robustnessFigures(
      'a',
      analyses.filter(({ id }) => id === 'robustness'),
    );
    const rows = curves?.rows as EpsRow[];
    expect(rows).to.have.lengthOf(3 * 3);
    const at = (all: readonly EpsRow[], curve: string, eps: number) =>
      all.find((row) => row.curve === curve && row.eps === eps) as EpsRow;
    expect(at(rows, 'refconv', 0).value).to.be.closeTo(80, 1e-9);
    const ahead = differences?.rows as EpsRow[];
    expect([...new Set(ahead.map(({ curve }) => curve))]).to.deep.equal(['refconv − baseline', 'refconv − retraining']);
    for (const row of ahead) {
      const [, other = ''] = row.curve.split(' − ');
      expect(row.value).to.be.closeTo(at(rows, 'refconv', row.eps).value - at(rows, other, row.eps).value, 1e-9);
      // Paired by image, it is narrower than the curves are.
      const width = ({ low = 0, high = 0 }: EpsRow) => high - low;
      if (row.eps === 1) expect(width(row)).to.be.below(width(at(rows, other, 1)));
    }
    expect(robustnessFigures('a', [])).to.deep.equal([]);
  });
});
