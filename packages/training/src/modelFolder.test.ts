import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { loadModel, saveModel, sharedNames } from './modelFolder.js';
import { messageOf, weightsHash, withModel } from './testing/tiny.js';

describe('model folders', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'refconv-folder-'));
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it(
    'keep a model, refocused or merged, bit-equal, with its notes, in the format of tfjs',
    withModel(async (plain) => {
      const refocused = await refocus(plain);
      const merged = await merge(refocused);
      const notes = { mean: [0.1, 0.2, 0.3], std: [1, 2, 3], classes: ['a', '<b>'] };
      for (const [name, model] of Object.entries({ refocused, merged })) {
        const folder = join(parent, name);
        await saveModel(model, folder, notes);
        expect(readdirSync(folder).sort()).to.deep.equal(['model.json', 'weights.bin']);
        for (const path of [folder, join(folder, 'model.json')]) {
          const loaded = await loadModel(path);
          expect(loaded.notes).to.deep.equal(notes);
          expect(weightsHash(loaded.model)).to.equal(weightsHash(model));
          loaded.model.dispose();
        }
        const x = tf.randomNormal([2, 16, 16, 3]);
        const stock = await tf.loadLayersModel(`file://${folder}/model.json`);
        const [a, b] = [stock.predict(x) as Tensor, model.predict(x) as Tensor];
        expect(Array.from(a.dataSync())).to.deep.equal(Array.from(b.dataSync()));
        tf.dispose([x, a, b]);
        stock.dispose();
      }
      refocused.dispose();
      merged.dispose();
    }),
  );

  it(
    'are not overwritten unless asked, and then replaced as a whole',
    withModel(async (model) => {
      const folder = join(parent, 'model');
      await saveModel(model, folder);
      expect(await messageOf(saveModel(model, folder))).to.match(/model exists already; choose another folder/);
      await saveModel(model, folder, { classes: ['x'] }, { replace: true });
      const { model: loaded, notes } = await loadModel(folder);
      expect(notes).to.deep.equal({ classes: ['x'] });
      loaded.dispose();
      expect(readdirSync(parent)).to.deep.equal(['model']);
      const other = join(parent, 'other');
      mkdirSync(other);
      writeFileSync(join(other, 'precious.txt'), 'x');
      expect(await messageOf(saveModel(model, other, {}, { replace: true }))).to.match(/exists already/);
      expect(existsSync(join(other, 'precious.txt'))).to.equal(true);
    }),
  );

  it(
    'that cannot be written or read are errors, which leave nothing behind',
    withModel(async (model) => {
      writeFileSync(join(parent, 'file'), '');
      expect(await messageOf(saveModel(model, join(parent, 'file', 'model')))).to.match(
        /^Making the folder .* failed: a file is in its place/,
      );
      expect(await messageOf(loadModel(parent))).to.match(
        /There is no model in .*: expected a folder with model\.json/,
      );
      const folder = join(parent, 'damaged');
      await saveModel(model, folder);
      writeFileSync(join(folder, 'weights.bin'), readFileSync(join(folder, 'weights.bin')).subarray(0, 100));
      const tensors = tf.memory().numTensors;
      expect(await messageOf(loadModel(folder))).to.match(/cannot be loaded/);
      expect(tf.memory().numTensors).to.equal(tensors);
      expect(readdirSync(parent).sort()).to.deep.equal(['damaged', 'file']);
    }),
  );

  it('with layers of the same name are refused when they are saved, and told of before they are trained', async () => {
    const tower = (name: string, conv: string) =>
      tf.sequential({
        name,
        layers: [tf.layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [8, 8, 3], name: conv })],
      });
    const model = (second: string) => {
      const x = tf.input({ shape: [8, 8, 3] });
      const both = [tower('a', 'conv').apply(x), tower('b', second).apply(x)] as SymbolicTensor[];
      const flat = tf.layers.flatten().apply(tf.layers.concatenate().apply(both));
      return tf.model({ inputs: x, outputs: tf.layers.dense({ units: 2 }).apply(flat) as SymbolicTensor });
    };
    const same = model('conv');
    expect(await messageOf(saveModel(same, join(parent, 'same')))).to.match(
      /the layers a\/conv, b\/conv have weights of the same/,
    );
    expect(sharedNames(same)).to.contain('a/conv, b/conv');
    const other = model('conv_2');
    await saveModel(other, join(parent, 'other'));
    const { model: loaded } = await loadModel(join(parent, 'other'));
    expect(weightsHash(loaded)).to.equal(weightsHash(other));
    for (const one of [same, other, loaded]) one.dispose();
  });

  it('of other programs are told as what they are', async () => {
    for (const [name, message] of [
      ['model.h5', /is a model of Keras, not a model folder\. Convert it/],
      ['model.keras', /is a model of Keras/],
      ['weights.pth', /holds weights alone.*--weights/],
      ['net.onnx', /made for inference/],
    ] as const) {
      writeFileSync(join(parent, name), 'x');
      expect(await messageOf(loadModel(join(parent, name)))).to.match(message);
    }
    mkdirSync(join(parent, 'saved'));
    writeFileSync(join(parent, 'saved', 'saved_model.pb'), '');
    expect(await messageOf(loadModel(join(parent, 'saved')))).to.match(/a SavedModel of TensorFlow/);
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    const folder = join(parent, 'keras3');
    await saveModel(model, folder);
    model.dispose();
    const file = join(folder, 'model.json');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"batch_input_shape"', '"batch_shape"'));
    expect(await messageOf(loadModel(folder))).to.match(/cannot be loaded: it is of Keras 3, and TensorFlow\.js reads/);
  });
});
