import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageFolder, type LoadedBatch, Loader, type LoaderOptions, type Mix, memorySource } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { writeImageFolder } from '../../datasets/dist/loader/testing.js';
import { evaluate } from './evaluate.js';
import { type FitOptions, fit } from './fit.js';
import { messageOf, tinyData, tinyModel, tinyRecipe, tinySet, weightsHash } from './testing/tiny.js';

const set = tinySet();
const data = tinyData();
const { mean, std } = data.train.normalisation;
const recipe = tinyRecipe({ epochs: 2 });
const numbers = (values: readonly number[]) => values.join('/');
const normalize = `normalize(${numbers(mean)},${numbers(std)})`;

describe('a training fed by loaders', () => {
  const open: Loader[] = [];
  const load = (split: 'train' | 'test', options: Partial<LoaderOptions> = {}) => {
    const source = memorySource(set[split], set);
    const { batchSize, seed, dropLast } = recipe;
    const training =
      split === 'train' ? { transform: `randomCrop(16,1)|flip|${normalize}`, shuffle: true, dropLast } : {};
    const loader = new Loader(source, { transform: normalize, batchSize, seed, workers: 2, ...training, ...options });
    open.push(loader);
    return loader;
  };
  const run = async (options: Partial<FitOptions>) => {
    const tensors = tf.memory().numTensors;
    const model = tinyModel();
    const result = await fit({ model, data, recipe, showProgress: false, log: () => {}, ...options });
    const weights = weightsHash(model);
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
    return { weights, stopped: result.stopped, loss: result.last?.testLoss };
  };
  const loaders = (options?: Partial<LoaderOptions>) => ({
    ...data,
    train: load('train', options),
    test: load('test'),
  });
  const plain = { ...recipe, augment: {} };

  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-feed-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await Promise.all(open.splice(0).map((loader) => loader.close()));
  });

  it('ends with the bits of one that is fed from memory', async () => {
    const expected = await run({});
    const given = await run({ data: loaders(), recipe: plain });
    expect(given.weights).to.equal(expected.weights);
    expect(given.loss).to.be.closeTo(expected.loss as number, 1e-6);
  });

  it('ends with the same bits after a stop in mid-epoch, with another number of workers', async () => {
    const expected = await run({ data: loaders(), recipe: plain });
    const stop = new AbortController();
    const onStep = (step: number) => step === 11 && stop.abort();
    const first = await run({ data: loaders(), recipe: plain, folder, signal: stop.signal, onStep });
    expect(first.stopped).to.equal(true);
    const second = await run({ data: loaders({ workers: 1 }), recipe: plain, folder });
    expect(second).to.deep.equal(expected);
  });

  for (const [step, labelSmoothing] of [
    ['mixup(0.4)', 0],
    ['mixup(0.4)', 0.1],
    ['cutmix(1)', 0.1],
  ] as const) {
    it(`has the loss of two labels with ${step}, label smoothing ${labelSmoothing}`, async () => {
      const transform = `randomCrop(16,1)|${normalize}|${step}`;
      const losses: number[][] = [];
      for (const eager of [false, true]) {
        const stop = new AbortController();
        const seen: number[] = [];
        const onStep = (count: number, loss: number) => {
          seen.push(loss);
          if (count === 2) stop.abort();
        };
        const smoothed = { ...plain, labelSmoothing };
        await run({ data: loaders({ transform }), recipe: smoothed, eager, signal: stop.signal, onStep });
        losses.push(seen);
      }
      const [compiled = [], eager = []] = losses;
      expect(compiled).to.have.lengthOf(2);
      compiled.forEach((loss, i) => {
        expect(loss).to.be.closeTo(eager[i] as number, 1e-5);
      });

      const model = tinyModel();
      const feed = load('train', { transform }).epoch(0);
      const { images, labels, size, mix } = (await feed.next()).value as LoadedBatch;
      expect(mix?.weight).to.be.within(0.001, 0.999);
      const logits = tf.tidy(() =>
        (model.apply(tf.tensor4d(images, [size, 16, 16, 3]), { training: true }) as Tensor).arraySync(),
      );
      let sum = 0;
      (logits as number[][]).forEach((row, i) => {
        const normaliser = Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
        const crossEntropy = (label: number) => normaliser - (row[label] as number);
        const spread = row.reduce((total, _, label) => total + crossEntropy(label), 0) / row.length;
        const { weight, labels: others } = mix as Mix;
        const two = weight * crossEntropy(labels[i] as number) + (1 - weight) * crossEntropy(others[i] as number);
        sum += (1 - labelSmoothing) * two + labelSmoothing * spread;
      });
      expect(compiled[0]).to.be.closeTo(sum / size, 1e-5);
      await feed.return();
      model.dispose();
    });
  }

  it('is refused where loader and recipe contradict each other, or the run was begun with another transform', async () => {
    const wrong = await messageOf(run({ data: loaders({ seed: 8, batchSize: 8 }) }));
    expect(wrong).to.contain('batchSize is 8 there and 16 in the recipe; seed is 8 there and 7 in the recipe');
    expect(wrong).to.contain('set augment to {}');
    const mixing = { ...loaders(), test: load('test', { transform: `${normalize}|mixup(0.2)` }) };
    expect(await messageOf(run({ data: mixing, recipe: plain }))).to.contain('mixed images have no label');
    const bare = { ...data, train: set.train } as never;
    expect(await messageOf(run({ data: bare }))).to.contain('Images in memory need mean and std');
    await run({ data: loaders(), recipe: { ...plain, epochs: 1 }, folder });
    const other = loaders({ transform: `randomCrop(16,2)|flip|${normalize}` });
    expect(await messageOf(run({ data: other, recipe: { ...plain, epochs: 1 }, folder }))).to.contain('transforms');
  });

  it('leaves out batches that cannot be read at all, and ends where that is all of them', async () => {
    const root = join(folder, 'pictures');
    await writeImageFolder(root, ['ant', 'bee', 'cat', 'dog'], 2);
    const small = tinyRecipe({ epochs: 2, batchSize: 2, augment: {} });
    const skipping = async () => {
      const { seed, batchSize, dropLast } = small;
      const options = { transform: 'resize(16)|centerCrop(16)', workers: 1, onBroken: 'skip', batchSize } as const;
      const loader = new Loader(await imageFolder(root), { ...options, shuffle: true, seed, dropLast });
      open.push(loader);
      return { ...loaders(), train: loader };
    };
    const pictures = ['ant', 'bee', 'cat', 'dog'].flatMap((name) =>
      [0, 1].map((i) => join(root, name, `${name}_${i}.JPEG`)),
    );
    // Of four batches one at most can be read.
    for (const path of pictures.slice(1)) await writeFile(path, 'not an image');
    const steps: number[] = [];
    await run({ data: await skipping(), recipe: small, onStep: (step) => steps.push(step) });
    expect(steps).to.have.lengthOf(2);
    expect([steps[0], steps[1]].map((step) => Math.ceil((step as number) / 4))).to.deep.equal([1, 2]);

    await writeFile(pictures[0] as string, 'not an image');
    expect(await messageOf(run({ data: await skipping(), recipe: small }))).to.match(
      /None of the 8 images could be read: .*JPEG/,
    );
  });

  it('is evaluated over a loader as over its images', async () => {
    const model = tinyModel();
    const expected = await evaluate(model, data.test);
    const given = await evaluate(model, load('test'));
    expect({ ...given, loss: 0 }).to.deep.equal({ ...expected, loss: 0 });
    expect(given.loss).to.be.closeTo(expected.loss, 1e-6);
    model.dispose();
  });
});
