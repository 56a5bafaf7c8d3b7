import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { batches, loadCifar10 } from '@refconv/datasets';
import { compile, tf } from '@refconv/tensorflow';
import { loadTorchState, readWeights } from '@refconv/weights';
import type { SymbolicTensor, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { realCifar10 } from '../../datasets/dist/test-data.js';
import { resnet20Cifar } from './resnet20_cifar.js';
import { shared } from './testing/oracle.js';

describe('resnet20_cifar', () => {
  it('shortens by every other pixel and zero channels on both sides', () => {
    const model = resnet20Cifar();
    const before = model.getLayer('layer1.2.relu2').output as SymbolicTensor;
    const after = model.getLayer('layer2.0.shortcut.width_as_channels').output as SymbolicTensor;
    const probe = tf.model({ inputs: model.inputs, outputs: [before, after] });
    const [from, to] = tf.tidy(() => {
      const x = tf.randomNormal([2, 32, 32, 3], 0, 1, 'float32', 1);
      const [given, shortcut] = probe.apply(x, { training: false }) as [Tensor4D, Tensor4D];
      return [
        tf.pad(tf.stridedSlice(given, [0, 0, 0, 0], given.shape, [1, 2, 2, 1]), [
          [0, 0],
          [0, 0],
          [0, 0],
          [8, 8],
        ]),
        shortcut,
      ].map((tensor) => ({ shape: tensor.shape, values: [...tensor.dataSync()] }));
    }) as unknown as [unknown, unknown];
    expect(to).to.deep.equal(from);
    model.dispose();
  });

  const weights = join(shared, 'data', 'weights', 'resnet20_cifar10.safetensors');
  it('gets 91.73 % of the CIFAR-10 test images right with the published weights', async function () {
    const folder = await realCifar10();
    if (folder === undefined || !existsSync(weights)) this.skip();
    const model = resnet20Cifar();
    loadTorchState(model, await readWeights(weights));
    const program = compile({
      predict: (x: Tensor4D) => tf.argMax(model.apply(x, { training: false }) as Tensor, 1),
    });
    const { test } = await loadCifar10({ folder });
    const normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    let correct = 0;
    for (const { images, labels, size } of batches(test, { batchSize: 500, buffers: 1, ...normalisation })) {
      const x = tf.tensor4d(images, [size, test.height, test.width, test.channels]);
      const classes = program.predict(x);
      classes.dataSync().forEach((value, i) => {
        correct += Number(value === labels[i]);
      });
      tf.dispose([x, classes]);
    }
    program.dispose();
    model.dispose();
    expect([correct, test.count]).to.deep.equal([9173, 10_000]);
  });
});
