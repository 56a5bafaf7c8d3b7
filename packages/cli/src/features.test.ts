import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { tf } from '@refconv/tensorflow';
import { loadModel, saveModel } from '@refconv/training';
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { readLabels, readNpy } from './npy.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

describe('refconv features', () => {
  const at = temporaryFolder();
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3, strides: 8, inputShape: [32, 32, 3] }),
      tf.layers.globalAveragePooling2d({ name: 'pool' }),
      tf.layers.dense({ name: 'fc', units: 10 }),
    ],
  });
  before(() => saveModel(model, at('model'), { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }));
  after(() => model.dispose());

  it('writes what the head is given, with the labels; the head on them gives the network’s logits', async () => {
    succeed(
      'features',
      '--model',
      at('model'),
      '--data',
      'synthetic',
      '--output',
      at('f.npy'),
      '--labels',
      at('l.npy'),
    );
    const [found, labels] = [await readNpy(at('f.npy')), await readLabels(at('l.npy'))];
    expect(found.shape).to.deep.equal([1000, 3]);
    expect(labels.shape).to.deep.equal([1000]);
    expect(new Set(labels.data).size).to.equal(10);
    const before = tf.memory().numTensors;
    const loaded = (await loadModel(at('model'))).model;
    const { layers } = loaded;
    tf.tidy(() => {
      const head = layers.at(-1)?.apply(tf.tensor2d(found.data, [1000, 3])) as Tensor;
      expect(head.shape).to.deep.equal([1000, 10]);
      expect(head.dataSync().every(Number.isFinite)).to.equal(true);
    });
    loaded.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('takes any layer by its name, spatial ones in PyTorch’s order; says what it needs', async () => {
    const network = ['features', '--model', at('model')];
    succeed(...network, '--data', 'synthetic', '--layer', 'conv', '--output', at('conv.npy'));
    expect((await readNpy(at('conv.npy'))).shape).to.deep.equal([1000, 3, 4, 4]);
    expect(fail(...network, '--data', 'synthetic', '--layer', 'convx', '--output', at('x.npy'))).to.match(
      /has no layer convx; it has .*conv, pool/,
    );
    expect(fail(...network, '--output', at('x.npy'))).to.match(/Which images\? Give files or folders, or --data/);
    expect(existsSync(join(at('x.npy')))).to.equal(false);
  });
});
