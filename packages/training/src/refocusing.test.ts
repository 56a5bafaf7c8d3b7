/** RefConv on a trained network and real images: ResNet-20 on CIFAR-10. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildBackbone, loadTorchState, readWeights } from '@refconv/backbones';
import { batches, type ImageDataset, type ImageSplit, loadCifar10 } from '@refconv/datasets';
import { merge, refocus } from '@refconv/refconv';
import { compile, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { realCifar10, sharedFolder } from '../../datasets/dist/test-data.js';
import { evaluate, fit, PAPER_RECIPE } from './index.js';

/** A whole epoch takes minutes. */
const LONG = process.env.REFCONV_LONG === '1';
const IMAGES = LONG ? 50_000 : 2_560;
const NORMALISATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** The first images of a split. */
const first = (split: ImageSplit, count: number): ImageSplit => ({
  ...split,
  images: split.images.subarray(0, count * split.height * split.width * split.channels),
  labels: split.labels.subarray(0, count),
  count,
});

/** [n, classes], row by row. */
function logitsOf(model: LayersModel, split: ImageSplit): Float32Array {
  const program = compile({ evaluate: (x: Tensor4D) => model.apply(x, { training: false }) as Tensor2D });
  const rows: number[] = [];
  for (const { images, size } of batches(split, { batchSize: 500, reuse: true, ...NORMALISATION })) {
    const x = tf.tensor4d(images, [size, 32, 32, 3]);
    const y = program.evaluate(x);
    rows.push(...y.dataSync());
    tf.dispose([x, y]);
  }
  program.dispose();
  return Float32Array.from(rows);
}

const classesOf = (logits: Float32Array) =>
  Array.from({ length: logits.length / 10 }, (_, i) => {
    const row = logits.subarray(10 * i, 10 * i + 10);
    return row.indexOf(Math.max(...row));
  });

describe('refocusing the published ResNet-20', () => {
  const weights = join(sharedFolder(), 'data', 'weights', 'resnet20_cifar10.th');
  let data: ImageDataset;
  let plain: LayersModel;
  before(async function () {
    this.timeout(120_000);
    const folder = await realCifar10();
    if (folder === undefined || !existsSync(weights)) {
      console.log('      skipped: the real data are missing (REFCONV_SHARED)');
      this.skip();
    }
    data = await loadCifar10({ folder });
    plain = buildBackbone('resnet20_cifar');
    loadTorchState(plain, await readWeights(weights));
  });
  after(() => plain?.dispose());

  it('with W_r = 0 keeps its 91.73 % on the test images', async () => {
    const refocused = await refocus(plain, { init: 'zero' });
    const { correct, count } = await evaluate(refocused, data.test, NORMALISATION);
    expect([correct, count]).to.deep.equal([9173, 10_000]);
    refocused.dispose();
  });

  it(`after ${LONG ? 'an epoch' : `${IMAGES} images`} of training merges into a network that agrees on every test image`, async function () {
    this.timeout(LONG ? 3_600_000 : 300_000);
    const refocused = await refocus(plain, { init: 'zero' });
    const recipe = { ...PAPER_RECIPE, epochs: 1, warmUpEpochs: 0.1, learningRate: 0.01, batchSize: 128 };
    const some = { ...data, train: first(data.train, IMAGES), test: first(data.test, 500) };
    await fit({ model: refocused, data: some, ...NORMALISATION, recipe, showProgress: false, log: () => {} });
    const merged = await merge(refocused);
    expect(merged.toJSON(undefined, false)).to.deep.equal(plain.toJSON(undefined, false));
    expect(merged.countParams()).to.equal(plain.countParams());

    const [before, after] = [logitsOf(refocused, data.test), logitsOf(merged, data.test)];
    const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = before.reduce((most, value, i) => Math.max(most, Math.abs(value - (after[i] as number))), 0);
    expect(difference).to.be.lessThan(1e-5 * largest);
    expect(classesOf(after)).to.deep.equal(classesOf(before));
    // It has learned something.
    expect(logitsOf(plain, first(data.test, 500))).not.to.deep.equal(before.subarray(0, 5_000));
    refocused.dispose();
    merged.dispose();
  });
});
