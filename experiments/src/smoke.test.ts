/**
 * The scripts' preset `smoke`, each from a fresh folder of runs: in `npm test` a table of classifiers and one of segmenters, in `npm run
 * test:smoke` all, on CIFAR-10 too. A script has two minutes.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBackbone } from '@refconv/backbones';
import { findCifar10 } from '@refconv/datasets';
import { buildMethod, reparameterize } from '@refconv/refconv';
import { readGrid, readLedger } from '@refconv/runs';
import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { checkSettings, gridOf } from './experiment.js';
import { experimentOf, run, SCRIPTS } from './testing/scripts.js';

const ALL = process.env.REFCONV_SMOKE === 'all';
/** The sets of their smoke presets are drawn too, and no others have label images or boxes. */
const OWN_SETS = ['segmentation', 'detection'];
const scripts = ALL ? SCRIPTS : ['imagenet-table', 'segmentation'];
const sets = ALL ? ['synthetic', 'cifar10'] : ['synthetic'];

if (ALL) {
  describe('the preset pocket', () => {
    // Those of the cost have their usual size.
    for (const script of SCRIPTS.filter((name) => name !== 'cost')) {
      it(`of ${script} has networks and methods that fit together`, async () => {
        const experiment = await experimentOf(script);
        const { runs } = gridOf(experiment, 'pocket', checkSettings(experiment, experiment.presets.pocket));
        const known = new Set<string>();
        for (const { network, method } of Object.values(runs)) {
          const key = JSON.stringify([network, method]);
          if (known.has(key)) continue;
          known.add(key);
          const { id, ...options } = network;
          const plain = buildBackbone(id, options);
          if (method) {
            const { start, withoutBatchNorm } = method;
            (
              await reparameterize(plain, buildMethod(method.id, method.options), { start, withoutBatchNorm })
            ).dispose();
          }
          plain.dispose();
        }
        expect(tf.memory().numTensors).to.equal(0);
      }).timeout(600_000);
    }
  });
}

for (const set of sets) {
  describe(`smoke on ${set}`, () => {
    let root: string;
    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), 'refconv-smoke-'));
    });
    afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

    for (const script of scripts) {
      it(`${script} ends complete, with its table`, async function () {
        if (set === 'cifar10' && !findCifar10()) {
          console.log('      skipped: CIFAR-10 was not found; REFCONV_DATA says where it is');
          this.skip();
        }
        if (OWN_SETS.includes(script) && set !== 'synthetic') this.skip();
        const begin = performance.now();
        const chosen = OWN_SETS.includes(script) ? [] : ['--set', `data.name=${set}`];
        const args = ['--preset', 'smoke', '--name', 'smoke', '--results', root, ...chosen];
        const { status, stdout, stderr } = await run(script, ...args);
        expect(status, stderr).to.equal(0);
        const { question } = await experimentOf(script);
        const grid = await readGrid(root, 'smoke');
        const count = Object.keys(grid.runs).length;
        expect(stdout).to.contain(question).and.to.contain(`${count} done, 0 failed, 0 left`);
        const trained = Object.entries(grid.runs).filter(([, { analysis }]) => !analysis);
        const ledger = await readLedger(root);
        expect(ledger.map(({ hash }) => hash)).to.have.members(trained.map(([hash]) => hash));
        for (const row of ledger) {
          const measures =
            row.task === 'segmentation'
              ? (['mean_iou', 'merged_mean_iou'] as const)
              : row.task === 'detection'
                ? (['ap', 'ap50', 'voc_ap', 'merged_ap'] as const)
                : (['top1', 'top5', 'merged_top1'] as const);
          for (const name of [...measures, 'peak_memory', 'flops_per_step', 'step_milliseconds'] as const)
            expect(row[name], name).to.match(/^\d/);
        }
        const file = (name: string) => readFile(join(root, 'grids', grid.name, name), 'utf8');
        const tables = [await file('table.csv')];
        if (trained.length < count) tables.push(await file('analysis.csv'));
        expect(tables.join('').split('\n').length - 2 * tables.length).to.be.at.least(1);
        console.log(`      ${count} runs in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
      });
    }
  });
}
