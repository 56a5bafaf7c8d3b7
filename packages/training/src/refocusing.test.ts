/** RefConv and its rivals on a trained network and real images: ResNet-20 on CIFAR-10. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildBackbone } from '@refconv/backbones';
import { batches, type ImageDataset, type ImageSplit, loadCifar10, normalised, takeImages } from '@refconv/datasets';
import { buildMethod, METHODS, merge, refocus, reparameterize } from '@refconv/refconv';
import { compile, tf } from '@refconv/tensorflow';
import { loadTorchState, readWeights } from '@refconv/weights';
import type { LayersModel, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { realCifar10, sharedFolder } from '../../datasets/dist/test-data.js';
import { evaluate, fit, PAPER_RECIPE } from './index.js';

/** A whole epoch of RefConv, and a part of one of each rival, compared on all test images, takes half an hour. */
const LONG = process.env.REFCONV_LONG === '1';
const TRAINED = LONG ? METHODS.ids() : ['refconv'];
const imagesFor = (method: string) => (!LONG ? 1_280 : method === 'refconv' ? 50_000 : 12_800);
const NORMALISATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** [n, classes], row by row. */
function logitsOf(model: LayersModel, split: ImageSplit): Float32Array {
  const program = compile({ evaluate: (x: Tensor4D) => model.apply(x, { training: false }) as Tensor2D });
  const rows: number[] = [];
  for (const { images, size } of batches(split, { batchSize: 500, buffers: 1, ...NORMALISATION })) {
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
    const { correct, count } = await evaluate(refocused, normalised(data, NORMALISATION).test);
    expect([correct, count]).to.deep.equal([9173, 10_000]);
    refocused.dispose();
  });

  for (const id of TRAINED) {
    const count = imagesFor(id);
    it(`${id}, trained on ${count} images, merges into a network that agrees on the test images`, async function () {
      if (LONG) this.timeout(3_600_000);
      const tensors = tf.memory().numTensors;
      const trained = await reparameterize(plain, buildMethod(id, id === 'refconv' ? { init: 'zero' } : {}));
      const recipe = { ...PAPER_RECIPE, epochs: 1, warmUpEpochs: 0.1, learningRate: 0.01, batchSize: 128 };
      const some = {
        ...data,
        train: takeImages(data.train, count, 'first'),
        test: takeImages(data.test, 500, 'first'),
      };
      const tested = LONG ? data.test : takeImages(data.test, 2_000, 'first');
      await fit({ model: trained, data: normalised(some, NORMALISATION), recipe, showProgress: false, log: () => {} });
      const merged = await merge(trained);
      expect(merged.toJSON(undefined, false)).to.deep.equal(plain.toJSON(undefined, false));
      expect(merged.countParams()).to.equal(plain.countParams());

      const [before, after] = [logitsOf(trained, tested), logitsOf(merged, tested)];
      const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const difference = before.reduce((most, value, i) => Math.max(most, Math.abs(value - (after[i] as number))), 0);
      expect(difference).to.be.lessThan(1e-5 * largest);
      // Only where the two highest logits are nearer than that may rounding decide between them.
      const [told, others] = [classesOf(before), classesOf(after)];
      others.forEach((other, i) => {
        const [first, second] = [told[i], other].map((label) => before[10 * i + (label as number)] as number);
        expect((first as number) - (second as number), `image ${i}`).to.be.at.most(2 * difference);
      });
      expect(others.filter((other, i) => other !== told[i]).length).to.be.at.most(tested.count / 2_000);
      const right = others.filter((label, i) => label === tested.labels[i]).length;
      console.log(`      top-1 ${((100 * right) / tested.count).toFixed(2)} %, merged and unmerged`);
      // It has learned something.
      expect(logitsOf(plain, takeImages(data.test, 500, 'first'))).not.to.deep.equal(before.subarray(0, 5_000));
      trained.dispose();
      merged.dispose();
      expect(tf.memory().numTensors - tensors, 'tensors left').to.equal(0);
    });
  }
});
