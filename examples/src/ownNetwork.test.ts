import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tf } from '@refconv/tensorflow';
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';

/** Runs the example; returns what it printed. */
function run(...options: string[]): string {
  const script = fileURLToPath(new URL('ownNetwork.js', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...options], { encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
  return stdout;
}

/** Parameters and top-1 as they were reported. */
function reported(output: string, what: string): [parameters: number, top1: number] {
  const [, parameters, top1] = new RegExp(`^${what}: (\\d+) parameters, top-1 ([\\d.]+) %`, 'm').exec(output) ?? [];
  return [Number(parameters), Number(top1)];
}

describe('the example for networks of your own', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-example-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('refocuses, trains, merges and exports a network of plain tf.layers, and one from a file', async () => {
    const out = join(folder, 'built');
    const output = run('--epochs', '3', '--images', '1000', '--out', out);
    const [plain, refocused, merged] = ['plain', 'refocused', 'merged'].map((what) => reported(output, what));
    expect(merged[0]).to.equal(plain[0]);
    expect(refocused[0]).to.be.greaterThan(plain[0]);
    expect(merged[1]).to.be.closeTo(refocused[1], 0.41);
    // It is about 27 %; chance is 10 %, with a deviation of 1.3 %.
    expect(merged[1]).to.be.greaterThan(15);

    const tensors = tf.memory().numTensors;
    const model = await tf.loadLayersModel(`file://${out}/tfjs/model.json`);
    expect(new Set(model.layers.map((layer) => layer.getClassName()))).to.deep.equal(
      new Set(['InputLayer', 'Conv2D', 'BatchNormalization', 'ReLU', 'GlobalAveragePooling2D', 'Dense']),
    );
    const x = tf.randomNormal([2, 32, 32, 3], 0, 1, 'float32', 1);
    const [wanted, nchw] = [model.predict(x) as Tensor, tf.transpose(x, [0, 3, 1, 2])];
    const session = await InferenceSession.create(join(out, 'model.onnx'));
    const image = new OnnxTensor('float32', nchw.dataSync<'float32'>(), nchw.shape);
    const found = (await session.run({ image })).logits.data as Float32Array;
    const largest = Math.max(...wanted.dataSync().map(Math.abs));
    wanted.dataSync().forEach((value, i) => {
      expect(found[i]).to.be.closeTo(value, 1e-4 * largest);
    });
    await session.release();
    tf.dispose([x, wanted, nchw]);
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);

    const again = run(
      '--epochs',
      '1',
      '--images',
      '1000',
      '--out',
      join(folder, 'loaded'),
      '--model',
      `${out}/tfjs/model.json`,
    );
    expect(reported(again, 'plain')).to.deep.equal([plain[0], merged[1]]);
  });
});
