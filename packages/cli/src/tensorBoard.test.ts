/** What TensorBoard's own reader finds of a training. */
import { existsSync } from 'node:fs';
import { normalised, syntheticDataset } from '@refconv/datasets';
import { refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { type MetricsRow, openLoaders, PAPER_RECIPE } from '@refconv/training';
import { expect } from 'chai';
import { tensorBoardReader } from '../../training/dist/testing/tensorBoardReader.js';
import { tensorBoardOf } from './tensorBoard.js';
import { temporaryFolder } from './testing/commands.js';

const ROW: MetricsRow = {
  epoch: 1,
  step: 4,
  learningRate: 0.1,
  trainLoss: 2.5,
  testLoss: 2.4,
  testTop1: 0.25,
  seconds: 1,
};

describe('what TensorBoard is shown', () => {
  const at = temporaryFolder();
  const data = syntheticDataset({ train: 40, test: 10, size: 16 });
  const recipe = { ...PAPER_RECIPE, batchSize: 40 };
  const statistics = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

  async function network() {
    const plain = tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: [16, 16, 3], filters: 2, kernelSize: 3, name: 'conv' }),
        tf.layers.globalAveragePooling2d({}),
        tf.layers.dense({ units: 10 }),
      ],
    });
    const model = await refocus(plain, { seed: 1 });
    plain.dispose();
    return model;
  }

  it('is the first batch once, and with each epoch the norm of every W_r, by its own reader', async function () {
    const read = tensorBoardReader();
    if (!read) return this.skip();
    const before = tf.memory().numTensors;
    const model = await network();
    const normalise = 'normalize(0.5/0.5/0.5,0.25/0.25/0.25)';
    const loaders = openLoaders(data, recipe, { test: normalise, train: `flip|${normalise}`, workers: 1 });
    try {
      for (const [folder, given] of [
        ['arrays', { data: normalised(data, statistics), recipe }],
        ['loader', { data: loaders, recipe: { ...recipe, augment: {} } }],
      ] as const) {
        const watch = await tensorBoardOf(at(folder), { model, ...given });
        expect(existsSync(at(folder)), 'nothing is written before the first epoch').to.equal(false);
        await watch(ROW);
        await watch({ ...ROW, epoch: 2, step: 8 });
        const { images, scalars } = read(at(folder));
        // 36 pictures in 6 columns, each with room for its caption; the bytes are a PNG's.
        const [[step, width, height, picture]] = images['first batch/train'] as [[number, number, number, string]];
        expect(images['first batch/train']).to.have.length(1);
        expect([step, Buffer.from(picture, 'base64').subarray(0, 4).toString('hex')]).to.deep.equal([0, '89504e47']);
        expect([width, height]).to.satisfy(([w, h]: number[]) => Number(w) >= 6 * 16 && Number(h) > Number(w));
        const norms = scalars['norm of W_r/conv'] as [number, number][];
        expect(norms.map(([at]) => at)).to.deep.equal([4, 8]);
        expect(norms[0]?.[1]).to.be.above(0);
        expect(scalars['loss/train']).to.deep.equal([
          [4, 2.5],
          [8, 2.5],
        ]);
      }
    } finally {
      await loaders.close();
      model.dispose();
    }
    expect(tf.memory().numTensors).to.equal(before);
  });
});
