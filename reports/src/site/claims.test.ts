import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ARMS, type MadeUp, writeRuns } from '../testing/runs.js';
import { type ListedClaim, listClaims } from './claims.js';
import { judge } from './judge.js';
import type { AnalysisNumber } from './measures.js';
import { type Experiment, readSite } from './read.js';

const table: MadeUp = {
  ...{ name: 'imagenet-table-cifar', experiment: 'imagenet-table', preset: 'cifar' },
  ...{ networks: ['a', 'b'], arms: ARMS, seeds: [1, 2, 3], epochs: 2 },
};
const pocket = {
  ...table,
  name: 'imagenet-table-pocket',
  preset: 'pocket',
  networks: ['c'],
  arms: { ...ARMS, refconv: { ...ARMS.refconv, gain: -1 } },
};
const synthetic: MadeUp = {
  ...table,
  ...{ name: 'comparison-smoke', experiment: 'comparison', preset: 'smoke', data: { name: 'synthetic' } },
};
const comparison: MadeUp = {
  ...table,
  ...{ name: 'comparison-cifar', experiment: 'comparison', networks: ['d'], seeds: [1] },
};

const CLAIMS = await listClaims();
const claim = (start: string) => CLAIMS.find(({ claim }) => claim.startsWith(start)) as ListedClaim;
const GAIN = claim('RefConv raises');

describe('claims', () => {
  let root: string;
  let experiments: Experiment[];
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'refconv-claims-'));
    await writeRuns(root, [table, pocket, synthetic, comparison]);
    ({ experiments } = await readSite(root));
  });
  after(() => rm(root, { recursive: true }));

  it('are judged by the largest size that was measured, and the others stand beside', () => {
    const { verdict, findings } = judge(GAIN, experiments);
    expect(verdict).to.equal('agrees');
    expect(findings.map(({ network, verdict, counts }) => [network, verdict, counts])).to.deep.equal([
      ['a', 'agrees', true],
      ['b', 'agrees', true],
      ['c', 'disagrees', false],
    ]);
    const alone = judge(
      GAIN,
      experiments.filter(({ grid }) => grid.preset === 'pocket'),
    );
    expect(alone.verdict).to.equal('disagrees');
  });

  it('have the mean of the differences seed by seed, with its interval', () => {
    const [finding] = judge(GAIN, experiments).findings;
    const { runs } = experiments.find(({ name }) => name === table.name) as Experiment;
    const top1 = (arm: string, seed: number) =>
      100 * Number(runs.find((run) => run.network === 'a' && run.arm === arm && run.seed === seed)?.ledger?.top1);
    const gains = table.seeds.map((seed) => top1('refconv', seed) - top1('baseline', seed));
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / 3;
    const deviation = Math.sqrt(gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / 2);
    // Student's t of 2 degrees of freedom at 0.975.
    const half = (4.30265272974946 * deviation) / Math.sqrt(3);
    expect(finding?.interval.n).to.equal(3);
    expect(finding?.interval.mean).to.be.closeTo(mean, 1e-9);
    expect(finding?.interval.low).to.be.closeTo(mean - half, 1e-6);
    expect(finding?.interval.high).to.be.closeTo(mean + half, 1e-6);
  });

  it('that are counted need one seed; measured ones two', () => {
    const fewer = judge(claim('A training step of RefConv needs fewer'), experiments);
    expect(fewer.findings.map(({ compared, verdict }) => [compared, verdict])).to.deep.equal([]);
    expect(judge(claim('After merging'), experiments).verdict).to.equal('agrees');
    const [wn] = judge(claim('RefConv gains more than the weight'), experiments).findings;
    expect(wn).to.include({ compared: 'refconv − wn', verdict: 'undecided' });
  });

  it('rest on no synthetic images, and are not measured where there are no runs', () => {
    const { findings } = judge(claim('RefConv gains more than the weight'), experiments);
    expect(findings.map(({ experiment }) => experiment.name)).to.deep.equal([comparison.name]);
    for (const start of ['RefConv over a trained detector', 'RefConv needs the pretrained', 'RefConv smooths'])
      expect(judge(claim(start), experiments).verdict, start).to.equal('not measured');
  });

  it('of analyses rest on the numbers of each seed', () => {
    const [made] = experiments as [Experiment];
    const experiment = { ...made, data: ['cifar10'], grid: { ...made.grid, experiment: 'redundancy' } };
    const of = (...changes: (number | undefined)[]) => {
      const numbers = changes.map(
        (change, i): AnalysisNumber => ({ measure: 'redundancy', arm: 'refconv', seed: i + 1, value: 1, change }),
      );
      return judge(claim('RefConv reduces'), [], [{ experiment, network: 'a', numbers, costs: [] }]);
    };
    const { findings, verdict } = of(0.2, 0.3, undefined);
    expect(findings.map(({ interval }) => interval.n)).to.deep.equal([2]);
    expect(verdict).to.equal('undecided');
    expect(of(0.2, 0.21).verdict).to.equal('agrees');
  });

  it('are those that a grid carries, whatever its experiment; and one that only grids carry is judged too', async () => {
    const own: ListedClaim = {
      ...GAIN,
      id: 'mine',
      claim: 'The rival gains.',
      expected: { below: 0 },
      experiments: [],
    };
    const [made] = experiments.filter(({ name }) => name === table.name) as [Experiment];
    const carrying = (experiment: string, claims: Experiment['grid']['claims']): Experiment => ({
      ...made,
      grid: { ...made.grid, experiment, claims },
    });
    const mine = carrying('mine', [own, GAIN]);
    const listed = await listClaims([mine.grid]);
    expect(listed.map(({ id }) => id)).to.deep.equal([...CLAIMS.map(({ id }) => id), 'mine']);
    expect(judge(listed.at(-1) as ListedClaim, [mine]).verdict).to.equal('disagrees');
    expect(judge(GAIN, [mine]).verdict).to.equal('agrees');
    expect(judge(GAIN, [carrying('imagenet-table', [own])]).verdict).to.equal('not measured');
  });
});
