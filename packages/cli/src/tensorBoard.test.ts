/** What TensorBoard's own reader finds of a training. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { syntheticDataset } from '@refconv/datasets';
import { refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { type MetricsRow, openLoaders, PAPER_RECIPE } from '@refconv/training';
import { expect } from 'chai';
import { tensorBoardOf } from './tensorBoard.js';
import { temporaryFolder } from './testing.js';

/** Says as JSON what TensorBoard's own reader finds in a folder. */
const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
images = {tag: [[e.step, e.width, e.height, e.encoded_image_string[:4].hex()] for e in events.Images(tag)] for tag in events.Tags()['images']}
scalars = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}
print(json.dumps({'images': images, 'scalars': scalars}))
`;

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
    this.timeout(60_000);
    const python = process.env.REFCONV_PYTHON ?? 'python3';
    if (spawnSync(python, ['-c', 'import tensorboard']).status !== 0) {
      console.log('      TensorBoard is missing: pip install tensorboard, and REFCONV_PYTHON=…/bin/python');
      return this.skip();
    }
    const before = tf.memory().numTensors;
    const model = await network();
    const normalise = 'normalize(0.5/0.5/0.5,0.25/0.25/0.25)';
    const loaders = openLoaders(data, recipe, { test: normalise, train: `flip|${normalise}`, workers: 1 });
    try {
      for (const [folder, given] of [
        ['arrays', { data, recipe, ...statistics }],
        ['loader', { data: loaders, recipe: { ...recipe, augment: {} } }],
      ] as const) {
        const watch = await tensorBoardOf(at(folder), { model, ...given });
        expect(existsSync(at(folder)), 'nothing is written before the first epoch').to.equal(false);
        await watch(ROW);
        await watch({ ...ROW, epoch: 2, step: 8 });
        const { stdout, stderr } = spawnSync(python, ['-c', READER, at(folder)], { encoding: 'utf8' });
        const { images, scalars } = JSON.parse(stdout.trim().split('\n').at(-1) || '{}');
        // 36 pictures in 6 columns, each with room for its caption; the bytes are a PNG's.
        const [[step, width, height, signature]] = images['first batch/train'] ?? [[stderr]];
        expect(images['first batch/train']).to.have.length(1);
        expect([step, signature]).to.deep.equal([0, '89504e47']);
        expect([width, height]).to.satisfy(([w, h]: number[]) => Number(w) >= 6 * 16 && Number(h) > Number(w));
        expect(scalars['norm of W_r/conv'].map(([at]: [number]) => at)).to.deep.equal([4, 8]);
        expect(scalars['norm of W_r/conv'][0][1]).to.be.above(0);
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
