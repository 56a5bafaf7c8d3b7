import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reportPredictions } from '@refconv/analysis/predictions';
import { Loader } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { evaluationOf, type Prediction, threadCount } from '@refconv/training';
import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import { execute } from './execute.js';
import { RESULT, runFolder } from './folder.js';
import { readLedger } from './ledger.js';
import type { Result } from './result.js';
import { hashOfSpec, parseSpec, type SpecInput } from './spec.js';
import { temporaryFolder, tinySpec } from './testing/tiny.js';

const EPOCHS = tinySpec().recipe?.epochs as number;

describe('the images that a run is evaluated on', () => {
  const at = temporaryFolder();
  // Loaders' passes can be counted.
  const original = Loader.prototype.epoch;
  let passes = 0;
  let tensors: number;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
    passes = 0;
    Loader.prototype.epoch = function (...given) {
      if (!this.options.shuffle) passes++;
      return original.apply(this, given);
    };
  });
  afterEach(() => {
    Loader.prototype.epoch = original;
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  const method: SpecInput['method'] = { id: 'refconv', start: 'scratch' };
  const specOf = (data: Partial<SpecInput['data']> = {}) => {
    const { data: images } = tinySpec();
    return parseSpec(
      tinySpec(1, {
        data: { ...images, testTransform: 'centerCrop(16)|normalize(half)', ...data },
        method,
        threads: threadCount(),
      }),
    );
  };
  const run = async (root: string, spec = specOf()) => (await execute(root, spec, { log: () => {} })) as Result;
  const csv = async (folder: string, name: string): Promise<Record<string, number>[]> =>
    parse(await readFile(join(folder, name), 'utf8'), {
      columns: true,
      cast: (value, { header }) => (header ? value : Number(value)),
    });

  it('are passed over once an epoch and once by the merged network; all numbers are of the last epoch’s pass', async () => {
    const [root, spec] = [at('root'), specOf()];
    const result = await run(root);
    expect(passes).to.equal(EPOCHS + 1);
    const folder = runFolder(root, hashOfSpec(spec));
    const predictions = (await csv(folder, 'predictions.csv')) as unknown as Prediction[];
    const { top1, top5, loss, count } = evaluationOf(predictions);
    expect(count).to.equal(20);
    expect({ top1, top5, testLoss: loss }).to.deep.equal({
      ...{ top1: result.top1, top5: result.top5, testLoss: result.testLoss },
    });
    const last = (await csv(folder, 'metrics.csv')).at(-1);
    expect(last).to.include({ test_top1: top1, test_loss: loss });
    const report = reportPredictions(predictions, 10);
    expect(report.top1).to.equal(top1);
    const [row] = await readLedger(root);
    expect([row?.top1, row?.top5, row?.test_loss].map(Number)).to.deep.equal([top1, top5, loss]);

    // Killed after the last epoch: one more pass for the predictions, and that of the merged network.
    await rm(join(folder, RESULT));
    passes = 0;
    const again = await run(root);
    expect(passes).to.equal(2);
    const repeated = evaluationOf((await csv(folder, 'predictions.csv')) as unknown as Prediction[]);
    expect(repeated).to.include({ top1: again.top1, top5: again.top5, loss: again.testLoss });
    expect(again.top1).to.equal(result.top1);
  });

  it('are those held out, and said to be so, where the spec has a validation split', async () => {
    const [root, spec] = [at('tuned'), specOf({ validation: 30 })];
    const result = await run(root, spec);
    expect(passes).to.equal(EPOCHS + 1);
    const folder = runFolder(root, hashOfSpec(spec));
    expect(await csv(folder, 'predictions.csv')).to.have.lengthOf(30);
    const last = (await csv(folder, 'metrics.csv')).at(-1);
    expect(last).to.include({ validation_top1: result.top1 }).and.not.to.have.property('test_top1');
    expect(result.best).to.include({ chosenOn: 'validation' });
    const [row] = await readLedger(root);
    expect(row).to.include({ evaluated_on: 'validation', best_top1_on_test: '' });
  });
});
