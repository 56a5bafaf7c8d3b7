import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@refconv/tensorflow';
import type { LayersModel } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { fit } from '../fit.js';
import type { FitResult } from '../fitResult.js';
import type { Recipe } from '../recipe.js';
import { messageOf, tinyData, tinyModel, tinyRecipe, weightsHash } from '../testing/tiny.js';

const data = tinyData(80);
/** Five batches an epoch: the steps of an epoch are of two, two and one. */
const EVERYTHING: Partial<Recipe> = {
  epochs: 2,
  clipNorm: 1,
  accumulate: 2,
  averaging: { decay: 0.9, warmUp: true },
  groups: [{ match: '^fc', rate: 2, weightDecay: 0 }],
  rateByDepth: 0.8,
  decayNormsAndBiases: false,
};

describe('a training with everything that is stopped in the middle of a step’s batches', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-optimiser-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function train(recipe: Recipe, stopAt?: number, teacher?: LayersModel): Promise<FitResult & { hash: string }> {
    const model = tinyModel();
    const stop = new AbortController();
    const fitted = await fit({
      ...{ model, data, recipe, folder, showProgress: false, log: () => {}, signal: stop.signal },
      onStep: (step) => step === stopAt && stop.abort(),
      ...(teacher && { teacher }),
    });
    const hash = weightsHash(model);
    model.dispose();
    return { ...fitted, hash };
  }

  for (const id of ['sgd', 'adam', 'adamw', 'rmsprop', 'rmsprop-tf', 'lamb']) {
    it(`ends bit-equal: ${id}`, async () => {
      const before = tf.memory().numTensors;
      const recipe = tinyRecipe({ ...EVERYTHING, learningRate: 0.01, optimiser: { id } });
      const whole = await train(recipe);
      const metrics = readFileSync(join(folder, 'metrics.csv'), 'utf8');
      rmSync(folder, { recursive: true });
      for (const at of [1, 5, 8]) await train(recipe, at);
      const resumed = await train(recipe);
      expect(resumed.hash).to.equal(whole.hash);
      expect(resumed.averaged).to.deep.equal(whole.averaged);
      const withoutSeconds = (text: string) => text.replace(/,[^,\n]*$/gm, '');
      expect(withoutSeconds(readFileSync(join(folder, 'metrics.csv'), 'utf8'))).to.equal(withoutSeconds(metrics));
      expect(metrics.split('\n')[0]).to.contain('test_top1,test_averaged_loss,test_averaged_top1');
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it('ends bit-equal with mixed images, a teacher, a plateau and frozen layers too; another teacher is refused', async () => {
    const recipe = tinyRecipe({
      ...EVERYTHING,
      epochs: 4,
      learningRate: 0.01,
      optimiser: { id: 'adamw' },
      augment: { crop: 1, flip: true, mixup: 0.2, cutmix: 1 },
      loss: { id: 'binary-cross-entropy' },
      labelSmoothing: 0.1,
      distillation: { weight: 0.5, temperature: 2 },
      schedule: { id: 'plateau', patience: 0, factor: 0.5, threshold: 0.5 },
      freeze: '^conv1$|^bn1$',
    });
    const [teacher, other] = [tinyModel(2), tinyModel(3)];
    const whole = await train(recipe, undefined, teacher);
    const rates = whole.rows.map(({ learningRate }) => learningRate);
    expect(new Set(rates).size, `${rates}`).to.be.above(2);
    rmSync(folder, { recursive: true });
    for (const at of [3, 11, 17]) await train(recipe, at, teacher);
    expect(await messageOf(train(recipe, undefined, other))).to.match(/differs from this one: teacher is/);
    const resumed = await train(recipe, undefined, teacher);
    expect(resumed.hash).to.equal(whole.hash);
    expect(resumed.averaged).to.deep.equal(whole.averaged);
    expect(resumed.rows.map(({ learningRate }) => learningRate)).to.deep.equal(rates);
    teacher.dispose();
    other.dispose();
  });
});
