import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageFolder, MemoryImages } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { evaluate, predict } from './evaluate.js';
import { testLoader } from './loaders.js';
import { evaluationOf, PREDICTIONS_FILE, type Prediction, writePredictions } from './predictions.js';
import { CLASSES, messageOf, tinyData, tinyModel } from './testing/tiny.js';

/** Grey images of one row of pixels, which {@link pixels} gives back as logits, each divided by 85. */
function rowsOf(rows: readonly (readonly number[])[], labels: readonly number[]) {
  const width = rows[0]?.length as number;
  const images = Uint8Array.from(rows.flatMap((row) => row.flatMap((value) => [value, value, value])));
  const split = { images, labels: Uint8Array.from(labels), count: rows.length, height: 1, width, channels: 3 };
  return new MemoryImages(split, { mean: [0, 0, 0], std: [1, 1, 1] });
}

/** The logits of an image are the pixels of its row, squared so many times. */
function pixels(width: number, squares = 0): LayersModel {
  const input = tf.input({ shape: [1, width, 3] });
  const sum = tf.layers.conv2d({ filters: 1, kernelSize: 1, kernelInitializer: 'ones', useBias: false });
  let logits = tf.layers.flatten({}).apply(sum.apply(input)) as SymbolicTensor;
  for (let i = 0; i < squares; i++) logits = tf.layers.multiply({}).apply([logits, logits]) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: logits });
}

describe('one pass over a split', () => {
  let tensors: number;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors, 'tensors left').to.equal(tensors));

  const withPixels = async <T>(width: number, body: (model: LayersModel) => Promise<T>, squares = 0): Promise<T> => {
    const model = pixels(width, squares);
    try {
      return await body(model);
    } finally {
      model.dispose();
    }
  };

  it('gives predictions that accuracy and loss are reductions of, and that become a file without loss', async () => {
    const [model, { test }] = [tinyModel(), tinyData()];
    const predictions = await predict(model, test);
    const evaluation = await evaluate(model, test);
    model.dispose();
    expect(evaluationOf(predictions)).to.deep.equal(evaluation);
    expect(evaluation).to.include({ count: test.count, notFinite: 0, top5: 1 });
    expect(predictions.map(({ label }) => label)).to.deep.equal([...test.split.labels]);
    for (const { label, prediction, rank, confidence } of predictions) {
      expect(rank === 0).to.equal(label === prediction);
      expect(confidence).to.be.within(1 / CLASSES, 1);
    }

    const folder = await mkdtemp(join(tmpdir(), 'refconv-predictions-'));
    try {
      await writePredictions(folder, predictions);
      const [header, ...lines] = (await readFile(join(folder, PREDICTIONS_FILE), 'utf8')).trim().split('\n');
      expect(header).to.equal('index,label,prediction,confidence,rank,loss');
      const read = lines.map((line): Prediction => {
        const [, label, prediction, confidence, rank, loss] = line.split(',').map(Number) as [number, ...number[]];
        return { label, prediction, confidence, rank, loss } as Prediction;
      });
      expect(read).to.deep.equal(predictions);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  for (const eager of [false, true]) {
    it(`ranks equal logits by their index${eager ? ', operation by operation' : ''}`, async () => {
      const classes = Array.from({ length: 10 }, (_, i) => i);
      const equal = rowsOf(Array(10).fill(Array(10).fill(7)), classes);
      const found = await withPixels(10, (model) => predict(model, equal, { eager }));
      expect(found.map(({ rank }) => rank)).to.deep.equal(classes);
      expect(new Set(found.map(({ prediction }) => prediction))).to.deep.equal(new Set([0]));
      expect(evaluationOf(found)).to.include({ top1: 0.1, top5: 0.5, correct: 1 });

      // Two equal pairs, of which one is highest.
      const pairs = rowsOf(Array(4).fill([1, 9, 9, 1]), [0, 1, 2, 3]);
      const ranks = await withPixels(4, (model) => predict(model, pairs, { eager }));
      expect(ranks.map(({ rank, prediction }) => [rank, prediction])).to.deep.equal([
        [2, 1],
        [0, 1],
        [1, 1],
        [3, 1],
      ]);
    });

    it(`counts no image as right whose logits are NaN or infinite${eager ? ', operation by operation' : ''}`, async () => {
      // 3 squared eight times is more than a float32 holds; 0 and 1/3 stay.
      const rows = rowsOf(
        [
          [85, 0, 0],
          [255, 0, 0],
          [0, 255, 0],
          [0, 0, 0],
        ],
        [0, 0, 0, 0],
      );
      const found = await withPixels(3, (model) => predict(model, rows, { eager }), 8);
      expect(found.map(({ prediction }) => prediction)).to.deep.equal([0, -1, -1, 0]);
      for (const key of ['rank', 'confidence', 'loss'] as const) expect(found[1]?.[key], key).to.be.NaN;
      expect(evaluationOf(found)).to.include({ correct: 2, top5: 0.5, count: 4, notFinite: 2 });
      const message = await withPixels(3, (model) => messageOf(evaluate(model, rows, { eager })), 8);
      expect(message).to.match(/No accuracy: .* NaN or infinite for 2 of 4 images.*normalised/);

      const broken = tinyModel();
      const { test } = tinyData();
      tf.tidy(() => broken.setWeights(broken.getWeights().map((weight) => tf.fill(weight.shape, Number.NaN))));
      expect(await messageOf(evaluate(broken, test, { eager }))).to.contain(
        `infinite for ${test.count} of ${test.count} images`,
      );
      broken.dispose();
    });
  }

  it('says where nothing could be read, instead of a share of nothing', async () => {
    expect(() => evaluationOf([])).to.throw(RangeError, 'There are no predictions');
    const folder = await mkdtemp(join(tmpdir(), 'refconv-evaluate-'));
    try {
      for (const name of ['ant', 'bee', 'cat', 'dog']) {
        await mkdir(join(folder, name));
        await writeFile(join(folder, name, '1.png'), 'not an image');
      }
      const source = await imageFolder(folder);
      const loader = testLoader(source, { transform: 'centerCrop(16)', workers: 1, onBroken: 'skip' });
      const model = tinyModel();
      const message = await messageOf(evaluate(model, loader).finally(() => loader.close()));
      model.dispose();
      expect(message).to.match(/None of the 4 images could be read: .*ant.*: .*, and so on/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
