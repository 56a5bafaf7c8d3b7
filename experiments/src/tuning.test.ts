import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planGrid, readLedger, readResult, runQueue, writeTables } from '@refconv/runs';
import { expect } from 'chai';
import { checkSettings, gridOf, type Settings } from './experiment.js';
import { experimentOf } from './testing/scripts.js';
import { bestOf, type Candidate, parseFactors, searchGrid, tune } from './tuning.js';

const FACTORS = [0.5, 1, 2];

async function settingsOf(name: string, changes: object = {}) {
  const experiment = await experimentOf(name);
  return { experiment, settings: checkSettings(experiment, { ...experiment.presets.cifar, ...changes }) };
}

describe('matched tuning', () => {
  it('tries the same factors for every arm, on images held out of the training set', async () => {
    const { experiment, settings } = await settingsOf('comparison');
    const { grid, candidates } = searchGrid(experiment, 'cifar', settings, FACTORS, {});
    const arms = ['baseline', 'baseline, as long as both stages', 'wn', 'cwn', 'own', 'acb', 'repvgg', 'dbb'];
    expect(candidates).to.have.lengthOf(2 * arms.length * 3);
    for (const arm of arms) {
      const rates = candidates.filter((each) => each.arm === arm && each.network === 'resnet18');
      expect(rates.map(({ learningRate }) => learningRate)).to.deep.equal([0.05, 0.1, 0.2]);
    }
    for (const { data, seed } of Object.values(grid.runs)) {
      expect(data).to.deep.equal({ name: 'cifar10', train: 45_000, validation: 5000 });
      expect(seed).to.equal(1);
    }
    // What starts from the baseline comes when its rate is known, and starts from a run that has not seen these images either.
    const rates = { resnet18: { baseline: 0.2 }, mobilenetv2: { baseline: 0.05 } };
    const next = searchGrid(experiment, 'cifar', settings, FACTORS, rates);
    const refconv = next.candidates.filter(({ arm, network }) => arm === 'refconv' && network === 'resnet18');
    expect(refconv).to.have.lengthOf(3);
    const from = next.grid.runs[next.grid.runs[refconv[0]?.hash as string]?.from as string];
    expect(from).to.deep.include({ method: null, from: null });
    expect(from?.recipe.learningRate).to.equal(0.2);
    expect(from?.data.validation).to.equal(5000);
  });

  it('leaves alone the arm that is about the learning rate, and holds the same images out of parts', async () => {
    const { experiment, settings } = await settingsOf('ablations');
    const rates = { resnet18: { baseline: 0.1 }, mobilenetv2: { baseline: 0.1 } };
    const { candidates } = searchGrid(experiment, 'cifar', settings, FACTORS, rates);
    const finetuning = candidates.filter(({ arm, network }) => arm === 'finetuning' && network === 'resnet18');
    expect(finetuning.map(({ learningRate }) => learningRate)).to.deep.equal([0.001]);

    const partial = await settingsOf('partial-data');
    const all = { mobilenetv2: { baseline: 0.1 } };
    const { grid } = searchGrid(partial.experiment, 'cifar', partial.settings, FACTORS, all);
    const trains = new Set(Object.values(grid.runs).map(({ data }) => `${data.train} of ${data.validation}`));
    expect([...trains]).to.have.members(['45000 of 5000', '5000 of 5000', '12500 of 5000', '25000 of 5000']);
  });

  it('holds a tenth of their own images out of what classifiers are trained on', async () => {
    const { experiment } = await settingsOf('segmentation');
    const settings = checkSettings(experiment, experiment.presets.paper);
    const { grid, candidates } = searchGrid(experiment, 'paper', settings, FACTORS, {});
    const heldOut = (arm: string) =>
      new Set(candidates.filter((each) => each.arm === arm).map(({ hash }) => grid.runs[hash]?.data.validation));
    expect([...heldOut('classifier')]).to.deep.equal([128_117]);
    expect([...heldOut('baseline')]).to.deep.equal([37]);
  });

  it('takes the highest top-1, not a rate at which training failed', () => {
    const candidate = (learningRate: number, top1?: number, loss = 2): Candidate => ({
      ...{ network: 'a', arm: 'b', hash: '', learningRate },
      ...(top1 !== undefined && { found: { score: top1, loss } }),
    });
    expect(bestOf([candidate(0.1, 0.4), candidate(0.2, 0.5), candidate(0.4)])).to.equal(0.2);
    expect(bestOf([candidate(0.1, 0.5, 1.5), candidate(0.2, 0.5, 1.4)])).to.equal(0.2);
    expect(() => bestOf([candidate(0.1)])).to.throw(/All trainings of the search for a, b failed/);
    expect(parseFactors('0.5,1,2')).to.deep.equal(FACTORS);
    for (const wrong of ['', '1', '1,1', '0,1', 'a,b', '1,-2'])
      expect(() => parseFactors(wrong)).to.throw(/--tune needs factors/);
  });

  it('searches arm by arm, and the table says how and what it chose', async () => {
    const root = await mkdtemp(join(tmpdir(), 'refconv-tuning-'));
    try {
      const experiment = await experimentOf('imagenet-table');
      const { recipe } = experiment.presets.smoke;
      const settings: Settings = checkSettings(experiment, {
        ...experiment.presets.smoke,
        networks: [{ id: 'mobilenetv1', variant: 'cifar', width: 1 / 16 }],
        data: { name: 'synthetic', train: 32, test: 20, size: 16 },
        recipe: { ...recipe, batchSize: 16, augment: { crop: 1, flip: true } },
      });
      let grids = 0;
      const launch = async (grid: Parameters<typeof planGrid>[1]) => {
        grids++;
        await planGrid(root, grid);
        await runQueue(root, grid, { log: () => {} });
      };
      // Training fails at the second rate.
      const found = await tune(root, experiment, 'smoke', settings, [1, 1e30], launch, 'mine');
      expect(grids, 'the baseline, then what starts from it').to.equal(2);
      expect(found?.rates).to.deep.equal({ mobilenetv1: { baseline: 0.1, refconv: 0.1 } });
      const grid = gridOf(experiment, 'smoke', settings, { name: 'mine', ...(found && { tuned: found }) });
      expect(grid).to.include({ name: 'mine-tuned', experiment: 'imagenet-table', preset: 'smoke', kind: 'tuned' });
      const rows = await readLedger(root);
      expect(rows, 'of the four tried').to.have.lengthOf(2);
      await planGrid(root, grid);
      const text = await writeTables(root, grid);
      expect(text).to.match(/rate × 1, × 1e\+30, by top-1 on 3 training images that the search held out, with seed 1/);
      // What failed counts as tried: the best is the least.
      expect(text).to.contain(
        'mobilenetv1: baseline 0.1 (the least of those tried), refconv 0.1 (the least of those tried). A better rate may lie beyond',
      );
      const held = await readResult(root, rows[0]?.hash as string);
      expect(held?.spec.data.validation).to.equal(3);
      for (const { hash } of grid.rows) expect(grid.runs[hash]?.data).not.to.have.property('validation');
      expect(await readFile(join(root, 'grids', 'mine-tuning', 'grid.json'), 'utf8')).to.contain('1e+29');
    } finally {
      await rm(root, { recursive: true, maxRetries: 5 });
    }
  });
});
