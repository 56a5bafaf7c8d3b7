import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { holdOut, MemoryImages, normalised } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayerVariable, SymbolicTensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { evaluate } from './evaluate.js';
import { DivergedError, type FitOptions, fit } from './fit.js';
import { evaluationOf, type Prediction } from './predictions.js';
import { messageOf, tinyData, tinyModel, tinyRecipe, tinySet, weightsHash, withModel } from './testing/tiny.js';
import { threadCount } from './threads.js';

const set = tinySet();
const data = tinyData();
const STEPS_PER_EPOCH = 8;

describe('fit', () => {
  let parent: string;
  let folder: string;
  let lines: string[];
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'refconv-fit-'));
    folder = join(parent, 'run');
    lines = [];
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  const train = (options: Pick<FitOptions, 'model'> & Partial<FitOptions>) =>
    fit({
      data,
      recipe: tinyRecipe(),
      showProgress: false,
      log: (line) => lines.push(line),
      ...options,
    });

  /** Trains until a step is done. */
  const trainUntil = (last: number, options: Parameters<typeof train>[0]) => {
    const stop = new AbortController();
    const onStep = (step: number) => {
      if (step === last) stop.abort();
    };
    return train({ folder, signal: stop.signal, onStep, ...options });
  };

  const checkpoints = async () => (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort();
  const metrics = async () => (await readFile(join(folder, 'metrics.csv'), 'utf8')).trimEnd().split('\n');

  /** The weights that an undisturbed run ends with. */
  const undisturbed = async (options: Partial<FitOptions> = {}) => {
    const model = tinyModel();
    await train({ model, ...options });
    const hash = weightsHash(model);
    model.dispose();
    return hash;
  };

  it(
    'learns, and says how well',
    withModel(async (model) => {
      const large = tinyData(512);
      const { best, last, rows, step, stopped } = await train({
        model,
        data: large,
        recipe: tinyRecipe({ epochs: 6 }),
      });
      expect({ step, stopped, rows: rows.length }).to.deep.equal({ step: 192, stopped: false, rows: 6 });
      // With six seeds 0.29 to 0.35 of the first loss, and 83 to 97 %; by chance 25 %.
      expect(rows[5]?.trainLoss).to.be.below(0.6 * (rows[0]?.trainLoss as number));
      expect(best?.score).to.be.above(0.55);
      expect(last).to.equal(rows[5]);
      expect(lines[5]).to.match(/^epoch 6\/6: train loss \d\.\d{4}, test loss \d\.\d{4}, top-1 \d+\.\d\d %, \d\.\d s$/);
      const again = await evaluate(model, large.test, { batchSize: 25 });
      expect(again).to.include({ count: 64, top1: last?.testTop1 });
      expect(again.loss).to.be.closeTo(last?.testLoss as number, 1e-5);
    }),
  );

  it(
    'ends bit-equal after stops within an epoch, at its end and in the warm-up',
    withModel(async (model) => {
      const recipe = tinyRecipe({ resetMomentumAfterWarmUp: true, dropLast: false, batchSize: 18 });
      const expected = await undisturbed({ recipe });
      for (const last of [3, 8, 13]) {
        const { stopped, step } = await trainUntil(last, { model, recipe });
        expect({ stopped, step }).to.deep.equal({ stopped: true, step: last });
        // What the model holds when it is taken up does not count.
        tf.tidy(() => model.setWeights(model.getWeights().map((weight) => tf.zerosLike(weight))));
      }
      expect((await train({ model, folder, recipe })).stopped).to.equal(false);
      expect(weightsHash(model)).to.equal(expected);
      expect((await metrics()).map((line) => line.split(',')[0])).to.deep.equal(['epoch', '1', '2', '3']);
      // A finished run is not trained again.
      const finished = await train({ model, folder, recipe });
      expect(finished).to.deep.include({ step: 24, stopped: false });
      expect(finished.rows).to.have.length(3);
      expect(weightsHash(model)).to.equal(expected);
    }),
  );

  it(
    'trains the same with and without a folder and frequent checkpoints',
    withModel(async (model) => {
      const expected = await undisturbed();
      await train({ model, folder, checkpointEvery: { steps: 1 } });
      expect(weightsHash(model)).to.equal(expected);
      expect(await checkpoints()).to.deep.equal(['step-0000000023.safetensors', 'step-0000000024.safetensors']);
    }),
  );

  it(
    'trains the same operation by operation',
    withModel(async (model) => {
      const recipe = tinyRecipe({ epochs: 1, nesterov: true, labelSmoothing: 0.1, decayNormsAndBiases: false });
      const eager = await train({ model, recipe, eager: true });
      const other = tinyModel();
      const compiled = await train({ model: other, recipe });
      other.dispose();
      expect(eager.last?.trainLoss).to.be.closeTo(compiled.last?.trainLoss as number, 1e-4);
      expect(eager.last?.testLoss).to.be.closeTo(compiled.last?.testLoss as number, 1e-3);
    }),
  );

  it(
    'takes the checkpoint before a broken one, and ends the same; metrics have each epoch once',
    withModel(async (model) => {
      const expected = await undisturbed();
      await trainUntil(2 * STEPS_PER_EPOCH + 2, { model, checkpointEvery: { steps: 5 } });
      const [before, last] = (await checkpoints()) as [string, string];
      expect([before, last]).to.deep.equal(['step-0000000016.safetensors', 'step-0000000018.safetensors']);
      await truncate(join(folder, last), 3000);
      await writeFile(join(folder, 'metrics.csv'), `${(await metrics()).join('\n')}\n3,24,0.1,0.`);
      await train({ model, folder });
      expect(lines.filter((line) => line.startsWith('Warning')).join()).to.match(/step-0000000018.*is not usable/);
      expect(lines).to.include(`Going on from step 16 of 24 (${folder}).`);
      expect(weightsHash(model)).to.equal(expected);
      const table = await metrics();
      expect(table[0]).to.equal('epoch,step,learning_rate,train_loss,test_loss,test_top1,kernel_change,seconds');
      expect(table.slice(1).map((line) => line.split(',').slice(0, 2).join())).to.deep.equal(['1,8', '2,16', '3,24']);
    }),
  );

  it(
    'chooses the best epoch by the validation images where there are some, and evaluates the test images once at the end',
    withModel(async (model) => {
      const split = normalised({ ...set, ...holdOut(set.train, 32) }, data.train.normalisation);
      const recipe = tinyRecipe({ epochs: 3 });
      const { best, last, rows, predictions } = await train({ model, data: split, recipe, folder });
      expect(await metrics()).to.have.lengthOf(4);
      const [header, first, , third] = (await metrics()).map((line) => line.split(','));
      expect(header?.slice(4, 8)).to.deep.equal(['validation_loss', 'validation_top1', 'test_loss', 'test_top1']);
      expect(first?.slice(6, 8)).to.deep.equal(['', '']);
      expect(third?.slice(4, 8).map(Number)).to.deep.equal([
        ...[last?.validationLoss, last?.validationTop1, last?.testLoss, last?.testTop1],
      ]);
      expect(rows.map(({ testTop1 }) => testTop1 === undefined)).to.deep.equal([true, true, false]);
      const highest = Math.max(...rows.map(({ validationTop1 }) => validationTop1 as number));
      expect(best).to.deep.equal({
        ...{ score: highest, chosenOn: 'validation' },
        epoch: 1 + rows.findIndex(({ validationTop1 }) => validationTop1 === highest),
      });
      expect(evaluationOf(predictions as Prediction[])).to.include({ top1: last?.testTop1, loss: last?.testLoss });
      expect(predictions).to.have.lengthOf(data.test.count);
      expect(lines[0])
        .to.match(/validation loss .*top-1/)
        .and.not.to.contain('test loss');
      expect(lines[2]).to.match(/validation loss .*test loss/);
      const again = await train({ model, data: split, recipe, folder });
      expect(again).to.deep.include({ best, last, predictions: undefined });
      expect(await messageOf(train({ model, data, recipe, folder }))).to.contain(
        'data.validation is 32 there, not set here',
      );
      expect(await messageOf(train({ model, data: { ...data, test: undefined } }))).to.contain(
        'neither a test nor a validation',
      );
    }),
  );

  it(
    'says for how many images logits are not finite, and counts none of them as right',
    withModel(async (model) => {
      // In evaluation mode alone: a negative variance has no root.
      const spoilt = model.getLayer('bn2') as unknown as { movingVariance: LayerVariable };
      const negative = tf.fill([16], -1e6);
      spoilt.movingVariance.write(negative);
      negative.dispose();
      const { last, best } = await train({ model, folder, recipe: tinyRecipe({ epochs: 1 }) });
      expect(lines.join()).to.match(
        /Warning: After epoch 1 the network's logits are NaN or infinite for 64 of 64 images of the test/,
      );
      expect([last?.testTop1, best?.score]).to.deep.equal([0, 0]);
      expect(last?.testLoss).to.be.NaN;
      expect((await train({ model, folder, recipe: tinyRecipe({ epochs: 1 }) })).last?.testLoss).to.be.NaN;
    }),
  );

  it(
    'stops at a loss that is not finite, and keeps the last good checkpoint',
    withModel(async (model) => {
      const recipe = tinyRecipe({ learningRate: 1e30 });
      const error = await train({ model, folder, recipe, checkpointEvery: { steps: 1 } }).catch((error) => error);
      expect(error).to.be.instanceOf(DivergedError);
      expect(error.message).to.match(/\(epoch 1, step \d.*The checkpoint of step \d is kept.*lower learningRate/);
      const kept = (await checkpoints()).at(-1) as string;
      expect(error.message).to.include(`of step ${Number(/\d+/.exec(kept)?.[0])} is kept`);
    }),
  );

  it(
    'refuses a folder that cannot be written, before anything is computed',
    withModel(async (model) => {
      await writeFile(join(parent, 'file'), '');
      let steps = 0;
      const blocked = train({ model, folder: join(parent, 'file', 'run'), onStep: () => steps++ });
      expect(await messageOf(blocked)).to.match(
        /Making the folder .*run failed: a part of its path is a file.*ENOTDIR/,
      );
      expect(steps).to.equal(0);
    }),
  );

  it(
    'stops where a checkpoint cannot be written any more; the one before is good',
    withModel(async (model) => {
      const expected = await undisturbed();
      const onStep = (step: number) => {
        if (step !== 4) return;
        renameSync(folder, join(parent, 'away'));
        writeFileSync(folder, '');
      };
      const failed = train({ model, folder, checkpointEvery: { steps: 3 }, onStep });
      expect(await messageOf(failed)).to.match(
        /Writing .*step-0000000006.* failed: .*The checkpoint of step 3 is kept/,
      );
      await rm(folder);
      await rename(join(parent, 'away'), folder);
      // Of a process that has ended it would not count.
      await rm(join(folder, 'training.1'));
      await train({ model, folder });
      expect(lines).to.include(`Going on from step 3 of 24 (${folder}).`);
      expect(weightsHash(model)).to.equal(expected);
    }),
  );

  it(
    'refuses to go on with another number of threads',
    withModel(async (model) => {
      await trainUntil(3, { model });
      const before = process.env.TF_NUM_INTRAOP_THREADS;
      const threads = threadCount();
      process.env.TF_NUM_INTRAOP_THREADS = String(threads + 1);
      try {
        expect(await messageOf(train({ model, folder }))).to.match(
          new RegExp(`begun with ${threads} threads, .* now has ${threads + 1}.*TF_NUM_INTRAOP_THREADS=${threads},`),
        );
        await trainUntil(4, { model, allowOtherThreads: true });
        expect(lines.join()).to.include('will not be bit-equal');
      } finally {
        if (before === undefined) delete process.env.TF_NUM_INTRAOP_THREADS;
        else process.env.TF_NUM_INTRAOP_THREADS = before;
      }
    }),
  );

  it(
    'refuses to go on with another recipe or other data, and names what differs',
    withModel(async (model) => {
      await trainUntil(3, { model });
      const recipe = tinyRecipe({ batchSize: 32, augment: {} });
      expect(await messageOf(train({ model, folder, recipe, data: tinyData(64) }))).to.match(
        /recipe\.batchSize is 16 there, 32 here; recipe\.augment\.crop is 1 there, not set here; .*data\.train is 128 there, 64 here/,
      );
    }),
  );

  it(
    'is not bound by a start that failed or was killed before its first step',
    withModel(async (model) => {
      const { split, normalisation } = data.train;
      const unread = new MemoryImages({ ...split, labels: split.labels.subarray(0, 3) }, normalisation);
      await train({ model, folder, recipe: tinyRecipe({ epochs: 1 }), data: { ...data, train: unread } }).catch(
        () => {},
      );
      const stop = AbortSignal.abort();
      await train({ model, folder, recipe: tinyRecipe({ batchSize: 32 }), signal: stop });
      expect(await checkpoints()).to.deep.equal(['step-0000000000.safetensors']);
      const { inputs, outputs } = tinyModel();
      const more = tf.layers.dense({ name: 'more', units: 4 }).apply(outputs) as SymbolicTensor;
      const wider = tf.model({ inputs, outputs: more });
      await train({ model: wider, folder, recipe: tinyRecipe({ epochs: 1 }) });
      wider.dispose();
      expect(lines.at(-1)).to.contain('epoch 1/1');
      expect((await readdir(folder)).filter((name) => name.startsWith('training'))).to.deep.equal([]);
    }),
  );

  it(
    'is refused in a folder that another process trains into, which goes on undisturbed',
    withModel(async (model) => {
      const script = fileURLToPath(new URL('./testing/train.js', import.meta.url));
      const other = spawn(process.execPath, [script, folder, '1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        for (let text = ''; !text.includes('step 7'); ) text += (await once(other.stdout, 'data'))[0];
        expect(await messageOf(train({ model, folder, recipe: tinyRecipe({ epochs: 1 }) }))).to.match(
          new RegExp(`^Process ${other.pid} on .* trains into ${folder}\\. Let it end, or stop it`),
        );
        expect(other.exitCode).to.equal(null);
      } finally {
        other.kill('SIGKILL');
        await once(other, 'exit');
      }
      // Its lock is outdated now, and what it learned is still there.
      expect(await messageOf(train({ model, folder, recipe: tinyRecipe({ epochs: 1 }) }))).to.match(
        /holds a run that differs/,
      );
    }),
  );
});
