import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Grid } from '@refconv/runs';
import { expect } from 'chai';
import { writeCost } from '../testing/analyses.js';
import { ARMS, type MadeUp, writeInVersion, writeRuns } from '../testing/runs.js';
import { writeSite } from './write.js';

const arms = (gain: number): MadeUp['arms'] => ({ baseline: ARMS.baseline, refconv: { ...ARMS.refconv, gain } });
const table = (preset: string, network: string, gain: number, more: Partial<MadeUp> = {}): MadeUp => ({
  ...{ name: `grid-${network}`, experiment: 'imagenet-table', preset, networks: [network], arms: arms(gain) },
  ...{ seeds: [1, 2, 3], epochs: 2 },
  ...more,
});

describe('grids of every kind, through to the verdict on the page', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'refconv-judge-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  /** A claim's verdict and, by network, what stands beside its experiment. */
  async function shown(start = 'RefConv raises') {
    const { experiments } = await writeSite(root, join(root, 'site'));
    const html = await readFile(join(root, 'site', 'index.html'), 'utf8');
    const section = html.split('<section class="claim">').find((text) => text.includes(`<h3>${start}`)) as string;
    const [, verdict] = /<span class="verdict [^"]*">([^<]*)/.exec(section) ?? [];
    const rows = [
      ...section.matchAll(/<th scope="row">([^<]*)<\/th><td class="text">([^<]*)<\/td>.*?<\/a>([^<]*)<\/td>/g),
    ];
    const notes = Object.fromEntries(rows.map(([, network, , note]) => [network, (note as string).trim()]));
    const pageOf = (name: string) => readFile(join(root, 'site', 'experiments', name, 'index.html'), 'utf8');
    return { verdict, notes, section, experiments, html, pageOf };
  }

  it('the preset ranks, whatever a grid is called: tuned ones are of their preset', async () => {
    await writeRuns(root, [
      table('cifar', 'small', -2, { name: 'imagenet-table-paper' }),
      table('pocket', 'tiny', 2),
      table('cores', 'medium', 2),
      table('paper', 'large', 2, { name: 'imagenet-table-paper-tuned', kind: 'tuned' }),
    ]);
    const { verdict, notes, html } = await shown();
    expect(verdict).to.equal('agrees');
    const smaller = '(not counted: smaller)';
    expect(notes).to.deep.equal({ large: '', small: smaller, medium: smaller, tiny: smaller });
    expect(Object.keys(notes)).to.deep.equal(['large', 'small', 'medium', 'tiny']);
    expect(html).to.contain('paper; tuned learning rates');
  });

  it('a claim about several agrees only once all of them are measured, and says what is missing', async () => {
    const rivals = (gain: number) => ({ ...arms(2), retraining: { ...ARMS.retraining, gain } });
    const controls = (more: Partial<MadeUp>) =>
      table('cifar', 'small', 2, { experiment: 'segmentation', ...more, claims: [claim] });
    const claim = {
      ...{ id: 'both', claim: 'RefConv beats both.', source: 'a test' },
      arms: { arm: 'refconv', against: ['baseline', 'retraining'], measure: 'top1' as const },
      expected: { above: 0 },
    };
    const unfinished = (_: string, arm: string, seed: number) => arm === 'retraining' || seed === 3;
    await writeRuns(root, [controls({ arms: rivals(0.2), unfinished })]);
    const part = await shown('RefConv beats both');
    expect(part.verdict).to.equal('undecided');
    expect(part.section).to.contain('not measured: small, refconv − retraining').and.to.contain('<td>2 of 3</td>');
    await rm(join(root, 'runs'), { recursive: true });
    await writeRuns(root, [controls({ arms: rivals(0.2) })]);
    const whole = await shown('RefConv beats both');
    expect(whole.verdict).to.equal('agrees');
    expect(whole.section).not.to.contain('not measured');
  });

  it('of several grids of a size the one of most seeds stands first', async () => {
    await writeRuns(root, [
      table('cifar', 'small', 2, { name: 'few', seeds: [4] }),
      table('cifar', 'small', 2, { name: 'many' }),
    ]);
    const { section } = await shown();
    expect(section.indexOf('>many<')).to.be.within(0, section.indexOf('>few<'));
  });

  it('a row of the ledger without the run that it is of is no measurement', async () => {
    const [grid] = (await writeRuns(root, [table('cifar', 'small', 2)])) as [Grid];
    expect((await shown()).verdict).to.equal('agrees');
    for (const { arm, hash } of grid.rows)
      if (arm === 'refconv') await rm(join(root, 'runs', hash), { recursive: true });
    expect((await shown()).verdict).to.equal('not measured');
  });

  it('runs that started from another training of their baseline are compared with nothing', async () => {
    const [grid] = (await writeRuns(root, [table('cifar', 'small', 2)])) as [Grid];
    const { hash } = grid.rows.find(({ arm }) => arm === 'refconv') as Grid['rows'][number];
    const path = join(root, 'runs', hash, 'result.json');
    const result = JSON.parse(await readFile(path, 'utf8'));
    // Of an arm after the baseline, as those that are made up here start from none.
    const start = grid.runs[hash]?.from;
    await writeFile(path, JSON.stringify({ ...result, startWeights: '1'.repeat(64) }));
    const { section, html } = await shown();
    expect(start).to.be.a('string');
    expect(html).to.contain('started from another training of');
    expect(section).to.contain('<td>2 of 3</td>');
  });

  it('a search of learning rates is no measurement', async () => {
    await writeRuns(root, [table('paper', 'searched', -2, { kind: 'search' }), table('pocket', 'tiny', 2)]);
    const { verdict, notes, pageOf } = await shown();
    expect(verdict).to.equal('agrees');
    expect(notes).to.deep.equal({ tiny: '' });
    expect(await pageOf('grid-searched')).to.contain('It decides no claim: a search of learning rates');
  });

  it('changed settings are shown as such, and decide nothing', async () => {
    const changed = table('paper', 'changed', -2, { changed: { 'recipe.epochs': 3 } });
    await writeRuns(root, [changed, table('cifar', 'small', 2)]);
    const note = '(not counted: changed settings, not the preset paper)';
    const beside = await shown();
    expect(beside.verdict).to.equal('agrees');
    expect(beside.notes).to.deep.equal({ small: '', changed: note });
    expect(await beside.pageOf(changed.name)).to.contain('preset paper; changed: recipe.epochs = 3');
    await rm(join(root, 'grids', 'grid-small'), { recursive: true });
    const alone = await shown();
    expect(alone.verdict).to.equal('not measured');
    expect(alone.notes).to.deep.equal({ changed: note });
    expect(alone.section).to.contain('only by runs that do not count');
  });

  /** Changes a grid's file by hand. */
  async function rewrite(name: string, change: (grid: Grid) => object): Promise<void> {
    const path = join(root, 'grids', name, 'grid.json');
    await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))));
  }

  it('a grid of an old file is opened, said to be old, and decides nothing', async () => {
    await writeRuns(root, [table('', 'old', 2, { name: 'imagenet-table-cifar' }), table('pocket', 'tiny', -2)]);
    await rewrite('imagenet-table-cifar', ({ experiment, preset, kind, changed, ...old }) => old);
    const { verdict, notes, html, pageOf } = await shown();
    expect(verdict).to.equal('disagrees');
    expect(notes).to.have.keys('old', 'tiny');
    expect(notes.old).to.match(/not counted: older than grids that say what was changed/);
    expect(html).to.contain('cifar, guessed of the name');
    expect(await pageOf('imagenet-table-cifar')).to.contain('It decides no claim: older than grids');
  });

  it('runs of another results version, and of several, are told apart', async () => {
    const made = await writeRuns(root, [
      table('paper', 'before', 2),
      table('cifar', 'mixed', 2),
      table('pocket', 'tiny', -2),
    ]);
    const [before, mixed] = made as [Grid, Grid];
    await writeInVersion(root, before, 0);
    await writeInVersion(root, mixed, 0, (place) => place === 0);
    const { verdict, notes, html } = await shown();
    expect(verdict).to.equal('disagrees');
    expect(notes.before).to.match(/not counted: results version 0; they are computed otherwise now/);
    expect(notes).not.to.have.property('mixed');
    expect(html).to.contain('The grid grid-mixed mixes results of the versions 0 and');
    expect(notes.tiny).to.equal('');
  });

  it('a grid of an experiment of one’s own has its claims judged, and its page says what it asks', async () => {
    const claim = {
      ...{ id: 'mine', claim: 'Mine loses.', source: 'a colleague' },
      arms: { arm: 'refconv', against: ['baseline'], measure: 'top1' as const },
      expected: { below: 0 },
    };
    const asked = { source: 'a talk', notKnown: 'the data', details: 'Mind the rate.', claims: [claim] };
    const cost = { runs: 6, seconds: 600, machine: 'two cores' };
    await writeRuns(root, [table('pocket', 'tiny', 2, { experiment: 'mine', ...asked, cost })]);
    const { verdict, notes, pageOf } = await shown('Mine loses');
    expect(verdict).to.equal('disagrees');
    expect(notes).to.deep.equal({ tiny: '' });
    expect((await shown()).verdict, 'it carries no other claim').to.equal('not measured');
    expect(await pageOf('grid-tiny'))
      .to.contain('Source: a talk. Not known of the paper: the data. Mind the rate.')
      .and.contain('6 runs in 10 minutes on two cores')
      .and.contain('<li>Mine loses. <span class="soft">a colleague</span></li>');
  });

  it('synthetic images are no measurement', async () => {
    await writeRuns(root, [table('paper', 'synthetic', 2, { data: { name: 'synthetic' } })]);
    const { verdict, notes, pageOf } = await shown();
    expect(verdict).to.equal('not measured');
    expect(notes).to.deep.equal({});
    expect(await pageOf('grid-synthetic'))
      .to.contain('It decides no claim: synthetic images')
      .and.contain('<p>The question of grid-synthetic? ');
  });

  it('time and memory are judged by the rounds of the experiment cost, and the times of trainings judge nothing', async () => {
    // The trainings took half as long again.
    await writeRuns(root, [table('cifar', 'trained', 2)]);
    const longer = 'Training takes hardly longer';
    const memory = 'Training takes hardly more memory';
    for (const start of [longer, memory]) expect((await shown(start)).verdict).to.equal('not measured');
    // Each round is slower than the one before: only ratios of a round tell that the step is 1 or 3 % longer.
    const rounds = (process: number) =>
      [1, 2].map((round) => {
        const time = 100 * 2 ** (2 * process + round);
        const peak = 1000 + process;
        return { plain: [time, peak], refconv: [(round === 1 ? 1.01 : 1.03) * time, 1.2 * peak] } as const;
      });
    const processes = [1, 2, 3].map((process) =>
      rounds(process).map(({ plain, refconv }) => ({ plain: [...plain], refconv: [...refconv] })),
    ) as Parameters<typeof writeCost>[2];
    await writeCost(root, { name: 'any', preset: 'cifar' }, processes);
    const time = await shown(longer);
    expect(time.verdict).to.equal('agrees');
    expect(time.section).to.contain('6 rounds').and.to.contain('+2.00').and.to.contain('refconv ÷ plain, batch 128');
    const more = await shown(memory);
    expect(more.verdict).to.equal('disagrees');
    expect(more.section).to.contain('3 processes').and.to.contain('+20.00');
    expect(await more.pageOf('any')).to.contain('1.03 (0.97–1.15)');
    // Its operations are counted beside those of the trainings: of either that disagrees.
    const flops = await shown('The map adds next to nothing');
    expect(flops.verdict).to.equal('disagrees');
    expect(flops.section).to.contain('+6.00').and.to.contain('counted').and.to.contain('refconv − baseline');
    // What others did meanwhile is said; a search or changed settings decide nothing here either.
    await writeCost(root, { name: 'any', preset: 'cifar', changed: { threads: 1 } }, processes, 0.125);
    const disturbed = await shown(longer);
    expect(disturbed.verdict).to.equal('not measured');
    expect(disturbed.section).to.contain('disturbed: others used 13 % of the machine');
    expect(disturbed.notes.mobilenetv1).to.equal('(not counted: changed settings, not the preset cifar)');
  });
});
