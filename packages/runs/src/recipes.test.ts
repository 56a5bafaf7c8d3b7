import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '@refconv/training';
import { expect } from 'chai';
import { AVERAGED, MODEL, readResult, runFolder } from './folder.js';
import { GridBuilder, planGrid } from './grid.js';
import { runQueue } from './queue.js';
import { slurmArrays } from './slurm.js';
import { hashOfSpec, parseSpec, type SpecInput } from './spec.js';
import { gridStatus } from './status.js';
import { NOTES, temporaryFolder, tinySpec } from './testing/tiny.js';

/** A recipe with what most leave out. */
const { recipe } = tinySpec();
const OWN: SpecInput['recipe'] = {
  ...recipe,
  optimiser: { id: 'adamw', options: { beta2: 0.99 } },
  clipNorm: 1,
  accumulate: 2,
  averaging: { decay: 0.9 },
  groups: [{ match: 'conv_dw', weightDecay: 0 }],
  rateByDepth: 0.9,
  freeze: '^conv_stem$',
  schedule: { id: 'step', every: 1, factor: 0.5 },
  loss: { id: 'binary-cross-entropy' },
  augment: { ...recipe.augment, mixup: 0.2, cutmix: 1 },
};

describe('specs with a recipe of one’s own', () => {
  const at = temporaryFolder();

  it('have the hash that they had without entries that are left out', () => {
    expect(hashOfSpec(parseSpec({ ...tinySpec(), threads: 1 }))).to.equal(
      'a2e8777abcaff99065a3a1f648eb5c84f5ef685b0c21b924bbd9a28873567bdb',
    );
  });

  it('are refused where an entry is wrong, or a teacher comes without distillation', () => {
    const wrong: [Partial<SpecInput>, RegExp][] = [
      [{ recipe: { ...OWN, optimiser: { id: 'adamx' } } }, /with one of sgd, adam/],
      [
        { recipe: { ...OWN, schedule: { id: 'steps' } as never } },
        /recipe\.schedule\.id is "steps": expected .*one of cosine, constant/,
      ],
      [{ recipe: { ...OWN, lr: 1 } as never }, /lr is unknown/],
      [{ recipe: { ...OWN, distillation: { weight: 0.5 } } }, /recipe\.distillation needs a teacher/],
      [{ teacher: 'a'.repeat(64) }, /a teacher needs recipe\.distillation/],
    ];
    for (const [changes, message] of wrong) expect(() => parseSpec(tinySpec(1, changes))).to.throw(RangeError, message);
  });

  it('are run, each after its teacher; the averages are kept beside the model', async () => {
    const root = at('own');
    const grid = new GridBuilder({ ...NOTES, name: 'own' });
    const teacher = grid.add('mobilenetv1', 'teacher', tinySpec(1, { recipe: OWN }));
    const spec = tinySpec(2, {
      teacher,
      recipe: { ...OWN, freeze: undefined, distillation: { weight: 0.5, temperature: 2 } },
    });
    const student = grid.add('mobilenetv1', 'student', spec);
    const built = grid.build();
    expect(() => new GridBuilder({ ...NOTES, name: 'other' }).add('mobilenetv1', 'student', spec)).to.throw(
      /not in the grid/,
    );
    expect(slurmArrays(built.runs).map(({ after, tasks }) => [after, ...tasks.values()])).to.deep.equal([
      [undefined, teacher],
      [0, student],
    ]);
    await planGrid(root, built);
    expect((await gridStatus(root, built)).map(({ waitsFor }) => waitsFor)).to.deep.equal([
      undefined,
      teacher.slice(0, 12),
    ]);
    // The student first, to see that it waits.
    const runs = Object.fromEntries(Object.entries(built.runs).reverse());
    const { done, failed } = await runQueue(root, { ...built, runs }, { workers: 2, log: () => {} });
    expect({ done, failed }).to.deep.equal({ done: 2, failed: [] });
    for (const hash of [teacher, student]) {
      expect((await readResult(root, hash))?.top1).to.be.within(0, 1);
      const folder = runFolder(root, hash);
      expect(existsSync(join(folder, AVERAGED, 'model.json'))).to.equal(true);
      const models = await Promise.all([MODEL, AVERAGED].map((name) => loadModel(join(folder, name))));
      const [own, averaged] = models.map(({ model }) => Array.from(model.getWeights().at(-1)?.dataSync() ?? []));
      expect(own).to.not.deep.equal(averaged);
      for (const { model } of models) model.dispose();
    }
  });
});
