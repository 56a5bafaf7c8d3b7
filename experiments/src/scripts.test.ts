import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withMarked } from '@refconv/files';
import { type Grid, settingsText, withSettings } from '@refconv/runs';
import { expect } from 'chai';
import { EXPERIMENTS } from './all.js';
import { checkSettings, type Experiment, FORMS, gridOf, PRESETS, type Preset } from './experiment.js';
import { experimentOf, run, SCRIPTS } from './testing/scripts.js';
import { DOCS, experimentTables, LIST, listClaims, listText } from './texts.js';
import { searchGrid } from './tuning.js';

const plan = (experiment: Experiment, preset: Preset, ...assignments: string[]): Grid =>
  gridOf(experiment, preset, checkSettings(experiment, withSettings(experiment.presets[preset], assignments)));

/** What the issue asks for, beside the baseline; the order is the table's. */
const ARMS: Record<string, string[]> = {
  'imagenet-table': ['refconv'],
  comparison: ['baseline, as long as both stages', 'wn', 'cwn', 'own', 'acb', 'repvgg', 'dbb', 'refconv'],
  ablations: [
    'retraining',
    'finetuning',
    'frozen random basis',
    'trainable pretrained basis',
    'trainable random basis',
    'refconv',
  ],
  controls: [
    'baseline, as long as both stages',
    'retraining',
    'refconv',
    'W_r zero',
    'W_r official',
    'map 1×1',
    'map 5×5',
    'identity off',
    'batch norm frozen, W_r zero, rate × 0.1',
  ],
  'refocusing-rate': [
    'retraining',
    'refconv',
    'refconv, rate matched',
    'W_r zero',
    'W_r zero, rate matched',
    'W_r official',
    'W_r official, rate matched',
    'retraining, rate × 0.2',
    'W_r zero, rate × 0.2',
    'W_r zero, rate × 0.2 and matched',
    'map 1×1, W_r zero',
    'map 1×1, W_r zero, rate matched',
  ],
  published: ['finetuning', 'refconv', 'W_r zero, rate matched'],
  'partial-data': [10, 25, 50, 100].flatMap((part) => [`retraining on ${part} %`, `refconv on ${part} %`]),
  connectivity: ['refconv', 'connectivity'],
  redundancy: ['refconv', 'redundancy'],
  skeletons: ['refconv', 'retraining', 'skeletons of refconv', 'skeletons of retraining'],
  landscape: ['refconv', 'landscape of baseline', 'landscape of refconv'],
  robustness: ['refconv', 'retraining', 'robustness of baseline', 'robustness of retraining', 'robustness of refconv'],
  cost: ['refconv'],
  segmentation: [
    'baseline, as long as both stages',
    'retraining',
    'refconv',
    'classifier',
    'classifier, retrained',
    'classifier, refocused',
    'over the classifier',
    'over the retrained classifier',
    'over the refocused classifier',
    'refconv, rate matched',
    'W_r zero',
    'W_r zero, rate matched',
  ],
  detection: [
    'baseline, as long as both stages',
    'retraining',
    'refconv',
    'refconv everywhere',
    'classifier',
    'classifier, retrained',
    'classifier, refocused',
    'over the classifier',
    'over the retrained classifier',
    'over the refocused classifier',
    'refconv, rate matched',
    'W_r zero',
    'W_r zero, rate matched',
  ],
};

/** Runs of each preset: networks × arms × seeds, and for the cost × batch sizes. */
const COUNTS: Record<string, Record<Preset, number>> = {
  'imagenet-table': { paper: 16 * 2, cifar: 16 * 2 * 5, cores: 2 * 3, pocket: 10 * 2 * 2, smoke: 2 },
  comparison: { paper: 2 * 9, cifar: 2 * 9 * 5, cores: 9 * 3, pocket: 2 * 9 * 2, smoke: 4 },
  ablations: { paper: 2 * 7, cifar: 2 * 7 * 5, cores: 7 * 3, pocket: 2 * 7 * 2, smoke: 4 },
  controls: { paper: 10, cifar: 10 * 5, cores: 4 * 3, pocket: 10 * 2, smoke: 4 },
  'refocusing-rate': { paper: 13, cifar: 13 * 5, cores: 13 * 3, pocket: 13 * 2, smoke: 4 },
  published: { paper: 4, cifar: 4 * 5, cores: 4 * 3, pocket: 4 * 2, smoke: 4 },
  'partial-data': { paper: 9, cifar: 9 * 5, cores: 9 * 3, pocket: 9 * 5, smoke: 4 },
  connectivity: { paper: 3, cifar: 3 * 5, cores: 3 * 3, pocket: 3, smoke: 3 },
  redundancy: { paper: 3, cifar: 3 * 5, cores: 3 * 3, pocket: 3, smoke: 3 },
  skeletons: { paper: 5, cifar: 5 * 5, cores: 5 * 3, pocket: 5, smoke: 5 },
  landscape: { paper: 2 * 4, cifar: 2 * 4 * 5, cores: 4 * 3, pocket: 4, smoke: 4 },
  robustness: { paper: 2 * 6, cifar: 2 * 6 * 5, cores: 6 * 3, pocket: 6 * 5, smoke: 6 },
  cost: { paper: 16 * 2 * 3, cifar: 16 * 2 * 3, cores: 16 * 2, pocket: 16 * 2 * 2, smoke: 2 },
  segmentation: { paper: 3 * 10 * 3, cifar: 3 * 4 * 5, cores: 4 * 3, pocket: 4 * 2, smoke: 4 },
  detection: { paper: 3 * 11 * 3, cifar: 3 * 5 * 5, cores: 5 * 3, pocket: 5 * 2, smoke: 4 },
};

/** Of tasks with sets of their own. */
const OWN_SETS: Record<string, { smoke: string; others: string }> = {
  segmentation: { smoke: 'scenes', others: 'camvid' },
  detection: { smoke: 'objects', others: 'voc' },
};

describe('the scripts', () => {
  for (const name of SCRIPTS) {
    it(`${name} plans each preset with its arms and its number of runs`, async () => {
      const experiment = await experimentOf(name);
      expect(experiment.name).to.equal(name);
      for (const preset of PRESETS) {
        const { rows, runs } = plan(experiment, preset);
        expect(rows, preset).to.have.lengthOf((COUNTS[name] as Record<Preset, number>)[preset]);
        expect(Object.keys(runs), `${preset}: no two rows are the same run`).to.have.lengthOf(rows.length);
        const arms = [...new Set(rows.map(({ arm }) => arm))];
        if (preset === 'smoke') {
          expect(rows.filter(({ hash }) => !runs[hash]?.analysis).length).to.be.at.most(4);
          expect(new Set(rows.map(({ network }) => network)).size, 'one family').to.equal(1);
        } else {
          const chosen = experiment.presets[preset].arms;
          const all = [experiment.baseline, ...(ARMS[name] as string[])];
          expect(arms).to.deep.equal(chosen ? all.filter((arm) => chosen.includes(arm)) : all);
        }
        const ownSet = OWN_SETS[name];
        if (ownSet) {
          const of = (task: string) =>
            new Set(
              Object.values(runs).flatMap((run) =>
                (run.task?.id ?? 'classification') === task ? [run.data.name] : [],
              ),
            );
          expect([...of(name)]).to.deep.equal([preset === 'smoke' ? ownSet.smoke : ownSet.others]);
          const others = { paper: ['imagenet'], smoke: ['synthetic'], cifar: [], cores: [], pocket: [] };
          expect([...of('classification')]).to.deep.equal(others[preset]);
          continue;
        }
        const sets = [...new Set(Object.values(runs).map(({ data }) => data.name))];
        const onImageNet = preset === 'paper' && !['landscape', 'robustness', 'published'].includes(name);
        expect(sets).to.deep.equal([preset === 'smoke' ? 'synthetic' : onImageNet ? 'imagenet' : 'cifar10']);
      }
    });

    it(`${name} asks a question, names its source, and claims something of arms that it has`, async () => {
      const experiment = await experimentOf(name);
      expect(experiment.question).to.match(/^[A-Z].*\?$/);
      expect(experiment.source).to.match(/\w/);
      const trained = Object.keys(experiment.arms);
      const analysed = Object.values(experiment.arms).flatMap((arm) => (arm.analysed ? [arm.after] : []));
      for (const { id, arms, analysis, cost } of experiment.claims) {
        const measures = [arms, analysis, cost].flatMap((each) => (each ? [each.measure] : []));
        expect(new Set(measures), `${id} is decided by one measure`).to.have.property('size', 1);
        if (arms) expect(trained, id).to.include.members([arms.arm, ...arms.against]);
        if (cost) expect(trained, id).to.include(cost.arm);
        if (analysis) expect(analysed, id).to.include(analysis.arm);
        // The control of a landscape is analysed too.
        if (analysis?.against) expect(analysed, id).to.include(analysis.against);
      }
      // An experiment may have grown since it was measured.
      for (const [preset, { runs, seconds }] of Object.entries(experiment.costs ?? {})) {
        expect(runs, preset).to.be.within(1, (COUNTS[name] as Record<Preset, number>)[preset as Preset]);
        expect(seconds, preset).to.be.above(0);
      }
    });
  }

  it('share the runs that they have in common', async () => {
    const hashes = await Promise.all(
      ['connectivity', 'redundancy', 'skeletons', 'landscape'].map(async (name) => {
        const { runs } = plan(await experimentOf(name), 'pocket');
        return Object.entries(runs).flatMap(([hash, { analysis }]) => (analysis ? [] : [hash]));
      }),
    );
    expect(hashes[0]).to.have.lengthOf(2);
    for (const other of hashes.slice(1)) expect(other).to.include.members(hashes[0] as string[]);
  });

  it('compare methods with the same number of epochs in all', async () => {
    const { rows, runs } = plan(await experimentOf('comparison'), 'paper');
    const total = (hash: string | null): number =>
      hash === null ? 0 : (runs[hash]?.recipe.epochs as number) + total(runs[hash]?.from as string | null);
    for (const { arm, hash } of rows) expect(total(hash), arm).to.equal(arm === 'baseline' ? 105 : 210);
  });

  it('let any setting be changed, and refuse what is none', async () => {
    const experiment = await experimentOf('landscape');
    const parts = plan(experiment, 'pocket', 'parts=4', 'analysis.points=5', 'recipe.epochs=3');
    expect(parts.rows).to.have.lengthOf(2 + 2 * 4);
    const [first] = Object.values(parts.runs);
    expect(first?.recipe.epochs).to.equal(3);
    const landscapes = Object.values(parts.runs).flatMap(({ analysis }) =>
      analysis?.id === 'landscape' ? [analysis] : [],
    );
    expect(landscapes.map(({ part: { i, n } }) => `${i}/${n}`).slice(0, 4)).to.deep.equal(['1/4', '2/4', '3/4', '4/4']);
    expect(landscapes.every(({ points }) => points === 5)).to.equal(true);
    const refused = (assignment: string, message: RegExp) =>
      expect(() => plan(experiment, 'pocket', assignment)).to.throw(message);
    refused('recipe.epoch=3', /recipe.epoch is unknown; did you mean epochs/);
    refused('analysis.point=5', /analysis.point is unknown; did you mean points/);
    refused('__proto__.polluted=1', /__proto__ cannot be set/);
    refused('arms=["refcon"]', /landscape has no arm 'refcon'; it has 'baseline', 'refconv'/);
  });

  it('give changed settings a grid of their own, which says what was changed', async () => {
    const experiment = await experimentOf('imagenet-table');
    const asIs = plan(experiment, 'cifar');
    expect(asIs).to.include({ name: 'imagenet-table-cifar', experiment: 'imagenet-table', preset: 'cifar' });
    expect(asIs).to.include({ kind: 'table', changed: null });
    const changed = plan(experiment, 'cifar', 'recipe.epochs=30', 'data.train=100');
    expect(changed.name).to.match(/^imagenet-table-cifar-changed-[0-9a-f]{8}$/);
    expect(changed.changed).to.deep.equal({ 'data.train': 100, 'recipe.epochs': 30 });
    expect(plan(experiment, 'cifar', 'data.train=100', 'recipe.epochs=30').name).to.equal(changed.name);
    expect(plan(experiment, 'cifar', 'recipe.epochs=40', 'data.train=100').name).not.to.equal(changed.name);
    // What is set as it was is not changed.
    expect(plan(experiment, 'cifar', 'recipe.epochs=105')).to.deep.equal(asIs);
    const settings = checkSettings(experiment, { ...experiment.presets.cifar, seeds: [1] });
    const named = gridOf(experiment, 'cifar', settings, { name: 'mine', tuned: { rates: {}, notes: 'How.' } });
    expect(named).to.deep.include({ name: 'mine-tuned', kind: 'tuned', changed: { seeds: [1] }, notes: 'How.' });
    const search = searchGrid(experiment, 'cifar', settings, [1, 2], {}, 'mine').grid;
    expect(search).to.include({ name: 'mine-tuning', kind: 'search', preset: 'cifar' });
  });

  it('say which arms they leave out, and show the forms of settings', async () => {
    const experiment = await experimentOf('comparison');
    const smoke = plan(experiment, 'smoke');
    expect(settingsText(smoke)).to.equal(
      "smoke; 5 arms left out: 'baseline, as long as both stages', 'cwn', 'own', 'acb', 'dbb'",
    );
    expect(plan(experiment, 'pocket')).not.to.have.property('armsLeftOut');
    const refused = (assignment: string, message: RegExp) =>
      expect(() => plan(experiment, 'smoke', assignment)).to.throw(message);
    refused(
      'networks=[{"backbone":"foo"}]',
      /networks\.0\.id is not set.*networks\.0\.backbone is unknown; there are id/,
    );
    // Each form that is shown is one that is taken.
    for (const [name, form] of Object.entries(FORMS)) {
      expect(() => plan(experiment, 'pocket', `${name}=${form}`), name).not.to.throw();
      refused(`${name}=3`, new RegExp(`${name} is 3: .*such as`));
    }
  });

  it('refuse two networks of one name, and a seed or batch size given twice', async () => {
    const experiment = await experimentOf('comparison');
    const refused = (assignment: string, message: RegExp) =>
      expect(() => plan(experiment, 'pocket', assignment)).to.throw(message);
    refused(
      'networks=[{"id":"mobilenetv1"},{"id":"mobilenetv1","width":0.5}]',
      /networks has "mobilenetv1" twice: give one of them another by "name"/,
    );
    refused('seeds=[1,2,1]', /seeds has 1 twice: give each once/);
    refused('batchSizes=[32,32]', /batchSizes has 32 twice/);
    const named = 'networks=[{"id":"mobilenetv1"},{"id":"mobilenetv1","width":0.5,"name":"half"}]';
    expect(plan(experiment, 'pocket', named).rows.some(({ network }) => network === 'half')).to.equal(true);
  });

  it('say which arm an analysed arm is of', async () => {
    const { rows } = plan(await experimentOf('landscape'), 'pocket');
    expect(rows.map(({ arm, of }) => [arm, of])).to.deep.equal([
      ['baseline', undefined],
      ['refconv', undefined],
      ['landscape of baseline', 'baseline'],
      ['landscape of refconv', 'refconv'],
    ]);
  });

  it('give their grids what they ask and claim, but the search of learning rates', async () => {
    const experiment = await experimentOf('ablations');
    const { question, source, claims } = experiment;
    expect(plan(experiment, 'cores')).to.deep.include({ question, source, claims, cost: undefined });
    expect(plan(experiment, 'pocket').cost).to.deep.equal(experiment.costs?.pocket);
    expect(plan(experiment, 'pocket', 'seeds=[1]')).to.deep.include({ claims, cost: undefined });
    const settings = checkSettings(experiment, experiment.presets.cores);
    expect(searchGrid(experiment, 'cores', settings, [1, 2], {}).grid).not.to.have.any.keys('claims', 'source');
  });

  it('say the same in --help, in the docs and to reports', async () => {
    const { stdout } = await run('ablations', '--help');
    const { question, claims, source } = await experimentOf('ablations');
    const text = stdout.replaceAll(/\s+/g, ' ');
    for (const said of [question, `Source: ${source}.`, ...claims.map(({ claim, source }) => `${claim} (${source})`)])
      expect(text).to.contain(said);
    expect(text)
      .to.contain('paper 14 runs on GPUs; time not measured')
      .and.contain(
        'pocket 28 runs on processor cores; measured: 28 runs in 14 minutes on an AMD EPYC, two runs at a time',
      );
    const hint = 'npm run texts -w @refconv/experiments';
    const docs = await readFile(DOCS, 'utf8');
    expect(docs, hint).to.equal(withMarked(docs, 'experiments', experimentTables(EXPERIMENTS)));
    expect(await readFile(LIST, 'utf8'), hint).to.equal(listText(EXPERIMENTS));
  });

  it('have no two claims of one id', async () => {
    const [first, second] = EXPERIMENTS as [Experiment, Experiment];
    const [claim] = first.claims;
    const other = { ...second, claims: [{ ...claim, claim: 'Another.' } as (typeof first.claims)[number]] };
    expect(() => listClaims([first, other])).to.throw(
      /The claim 'gain' of cost is another than that of imagenet-table/,
    );
  });

  it('are commands: a plan is printed and nothing written, a mistake is one line', async () => {
    const root = await mkdtemp(join(tmpdir(), 'refconv-scripts-'));
    try {
      const planned = await run('ablations', '--preset', 'paper', '--results', root, '--plan');
      expect(planned.status, planned.stderr).to.equal(0);
      expect(JSON.parse(planned.stdout).rows).to.have.lengthOf(14);
      expect(await readdir(root)).to.deep.equal([]);
      const refused = async (...args: string[]) => {
        const { status, stderr } = await run('ablations', '--results', root, ...args);
        expect(status).to.equal(1);
        return stderr.trim();
      };
      expect(await refused('--preset', 'smoke', '--set', 'seed=3')).to.match(/^ablations: .*did you mean seeds/);
      expect(await refused('--preset', 'smoke', '--tune', '1')).to.match(/^ablations: --tune needs factors/);
      expect(await refused('--preset', 'tiny')).to.match(/Allowed choices are paper, cifar, cores, pocket, smoke/);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
