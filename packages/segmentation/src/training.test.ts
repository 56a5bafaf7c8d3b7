import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageSource, scenes } from '@refconv/datasets';
import { bilinearResize } from '@refconv/layers';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import {
  evaluate,
  type FitOptions,
  fit,
  type OpenLoaders,
  openLoaders,
  PAPER_RECIPE,
  predict,
  trainer,
} from '@refconv/training';
import type { LayersModel, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { confusionMatrix, segmentationMetrics } from './metrics.js';
import { CLASSES_FILE, CONFUSION_FILE, IMAGES_FILE, writeSegmentation } from './resultFiles.js';
import { buildSegmenter, inBackbone } from './segmenter.js';
import { type SegmentationEvaluation, type SegmentedImage, segmentation } from './task.js';

const SIZE = 32;
const RECIPE = { ...PAPER_RECIPE, epochs: 2, batchSize: 8, learningRate: 0.05, warmUpEpochs: 0, augment: {}, seed: 3 };

type Data = Record<'train' | 'validation' | 'test', ImageSource>;
const sets: Data = scenes({ size: SIZE, train: 36, validation: 6, test: 6 });
const open = (test = `resize(${SIZE}x${SIZE})|normalize(half)`): OpenLoaders =>
  openLoaders({ name: 'scenes', classes: sets.train.classes, source: 'drawn', ...sets }, RECIPE, {
    train: `randomResize(24..48)|randomCrop(${SIZE},padIfSmaller=1)|flip|colorJitter(0.2)|normalize(half)`,
    test,
    workers: 1,
  });
const build = () =>
  buildSegmenter({ backbone: 'mobilenetv1', width: 0.125, classes: 6, inputSize: [SIZE, SIZE], seed: 1 });
const weightsOf = (model: LayersModel) => model.getWeights().flatMap((weight) => [...weight.dataSync()]);

async function trained(
  options: Partial<FitOptions<SegmentedImage, SegmentationEvaluation>>,
  method?: (model: LayersModel) => Promise<LayersModel>,
) {
  const plain = await build();
  const model = method ? await method(plain) : plain;
  const data = open();
  try {
    const task = segmentation;
    const result = await fit({ model, task, data, recipe: RECIPE, showProgress: false, log: () => {}, ...options });
    return { model, result, weights: weightsOf(model) };
  } finally {
    await data.close();
  }
}

describe('segmentation as a task of the training loop', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-segmentation-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('ends bit-equal after a stop within an epoch, refocused too, and names its measure', async () => {
    const method = (plain: LayersModel) => refocus(plain, { select: inBackbone, init: 'zero' });
    const lines: string[] = [];
    const whole = await trained({ log: (line) => lines.push(line) }, method);
    expect(lines[1]).to.match(/^epoch 2\/2: train loss .* validation loss .* mean IoU \d.* test loss .* mean IoU \d/);
    const stop = new AbortController();
    const halted = await trained({ folder, signal: stop.signal, onStep: (step) => step === 6 && stop.abort() }, method);
    expect(halted.result.stopped).to.equal(true);
    const resumed = await trained({ folder }, method);
    expect(resumed.weights).to.deep.equal(whole.weights);
    const { seconds: _, ...row } = resumed.result.last as NonNullable<typeof resumed.result.last>;
    expect(whole.result.last).to.deep.include(row);
    expect(resumed.result.best?.score).to.equal(
      Math.max(...resumed.result.rows.map(({ validationMeanIou }) => validationMeanIou as number)),
    );
    const [header] = readFileSync(join(folder, 'metrics.csv'), 'utf8').split('\n');
    expect(header).to.contain('validation_loss,validation_mean_iou,test_loss,test_mean_iou');
    for (const { model } of [whole, halted, resumed]) model.dispose();
  });

  it('is bit-equal operation by operation, refuses to go on as another task, and keeps its number of tensors', async () => {
    const { model } = await trained({ folder });
    const before = tf.memory().numTensors;
    const data = open();
    const images = await predict(model, data.test, { task: segmentation });
    const eager = await predict(model, data.test, { task: segmentation, eager: true });
    expect(tf.memory().numTensors).to.equal(before);
    images.forEach(({ loss, confusion }, i) => {
      expect(confusion).to.deep.equal(eager[i]?.confusion);
      expect(loss).to.be.closeTo(eager[i]?.loss as number, 1e-4);
    });
    const other = { ...segmentation, id: 'another' };
    const message = await fit({ model, task: other, data, recipe: RECIPE, folder }).then(
      () => '',
      (error) => error.message,
    );
    expect(message).to.contain('task is "segmentation" there, "another" here');
    await data.close();
    model.dispose();
  });

  it('compares logits at the label images’ own size, and writes what it finds', async () => {
    const { model } = await trained({});
    const small = await buildSegmenter({ backbone: 'mobilenetv1', width: 0.125, classes: 6, inputSize: [24, 20] });
    small.setWeights(model.getWeights());
    const data = open('resize(24x20)|normalize(half)');
    const found = await predict(small, data.test, { task: segmentation });
    const evaluation = await evaluate(small, data.test, { task: segmentation });
    const expected: number[] = [];
    for await (const { images, targets, size } of data.test.epoch(0)) {
      const classes = tf.tidy(() => {
        const logits = small.predict(tf.tensor4d(images, [size, 24, 20, 3])) as Tensor4D;
        return [...tf.argMax(bilinearResize(logits, [SIZE, SIZE]), 3).dataSync()];
      });
      expected.push(...confusionMatrix(targets?.[0]?.data as Uint8Array, classes, { classes: 6 }).flat());
    }
    await data.close();
    expect(evaluation.confusion.flat()).to.deep.equal(expected);
    expect(evaluation).to.deep.include(segmentationMetrics(evaluation.confusion));
    expect(evaluation.count).to.equal(6);
    await writeSegmentation(folder, found, evaluation, sets.test.classes);
    const lines = (name: string) => readFileSync(join(folder, name), 'utf8').trim().split('\n');
    expect(lines(IMAGES_FILE)).to.have.lengthOf(7);
    expect(lines(CLASSES_FILE)[1]).to.match(/^background,0\.\d+/);
    expect(lines(CONFUSION_FILE)[1]).to.equal(['background', ...(evaluation.confusion[0] ?? [])].join());
    model.dispose();
    small.dispose();
  });

  it('counts pixels of images with logits that are not finite as wrong, and says for how many', async () => {
    const model = await build();
    const broken = model.getWeights().map((weight) => tf.fill(weight.shape, Number.NaN));
    model.setWeights(broken);
    const data = open();
    const found = segmentation.evaluationOf(await predict(model, data.test, { task: segmentation }));
    expect(found).to.include({ notFinite: 6, pixelAccuracy: 0, meanIou: 0 });
    expect(await evaluate(model, data.test, { task: segmentation }).catch(({ message }) => message)).to.contain(
      'NaN or infinite for 6 of 6 images',
    );
    await data.close();
    tf.dispose(broken);
    model.dispose();
  });

  it('gives merged what it gives refocused, for every pixel', async () => {
    const { model } = await trained({}, (plain) => refocus(plain, { select: inBackbone }));
    const merged = await merge(model);
    const data = open();
    const [a, b] = [
      await predict(model, data.test, { task: segmentation }),
      await predict(merged, data.test, { task: segmentation }),
    ];
    expect(b.map(({ confusion }) => confusion)).to.deep.equal(a.map(({ confusion }) => confusion));
    await data.close();
    model.dispose();
    merged.dispose();
  });

  it('refuses models, recipes and images that are none of segmentation', async () => {
    const model = await build();
    const options = { ...RECIPE, labelSmoothing: 0.1 };
    expect(() => trainer(model, segmentation, options)).to.throw(RangeError, 'has no labelSmoothing');
    const classifier = tf.sequential({ layers: [tf.layers.flatten({ inputShape: [SIZE, SIZE, 3] })] });
    expect(() => trainer(classifier, segmentation, RECIPE)).to.throw('expected one input of images');
    expect(() => segmentation.targets({ images: new Float32Array(), labels: new Int32Array(), size: 0 }, 6)).to.throw(
      'needs images with label images',
    );
    model.dispose();
  });
});
