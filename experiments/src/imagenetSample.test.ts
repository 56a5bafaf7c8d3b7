/** Real weights on real images: the published preprocessing must be exact for this to come out. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mobilenetv1 } from '@refconv/backbones';
import { imageFolder, imageName, Loader } from '@refconv/datasets';
import { compile, tf } from '@refconv/tensorflow';
import { loadTorchState, readWeights } from '@refconv/weights';
import type { LayersModel, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';

interface Expected {
  top1: number;
  of: number;
  images: { file: string; label: number; predicted: number; firstLogits: number[] }[];
}

const shared = process.env.REFCONV_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));
const images = `${shared}/data/imagenet-sample`;
const weights = `${shared}/data/weights/mobilenetv1_0.25_relu_imagenet.safetensors`;
const oracle = `${shared}/oracles/imagenet-sample.json`;

describe(`a hundred images of ImageNet (skipped without ${shared}; REFCONV_SHARED names another folder)`, () => {
  let model: LayersModel;
  before(async function () {
    if (![images, weights, oracle].every((path) => existsSync(path))) this.skip();
    model = mobilenetv1({ width: 0.25, activation: 'relu' });
    loadTorchState(model, await readWeights(weights));
  });
  after(() => model?.dispose());

  for (const [name, decoder, exact] of [
    ['libvips', undefined, false],
    ['TensorFlow, exact', import.meta.resolve('@refconv/tensorflow/jpeg'), true],
    ['TensorFlow', import.meta.resolve('@refconv/tensorflow/jpeg'), false],
  ] as const) {
    it(`are classified as by the reference, decoded by ${name}`, async () => {
      const expected = JSON.parse(readFileSync(oracle, 'utf8')) as Expected;
      const source = await imageFolder(images);
      const loader = new Loader(source, {
        transform: 'resize(256)|centerCrop(224)|normalize(imagenet)',
        batchSize: 25,
        workers: 2,
        jpegDecoder: decoder,
        exact,
      });
      const tensors = tf.memory().numTensors;
      const program = compile({ logits: (x: Tensor4D) => model.apply(x, { training: false }) as Tensor });
      let [same, right, worst] = [0, 0, 0];
      for await (const batch of loader.epoch(0)) {
        const x = tf.tensor4d(batch.images, [batch.size, 224, 224, 3]);
        const y = program.logits(x);
        const logits = y.dataSync();
        tf.dispose([x, y]);
        for (let i = 0; i < batch.size; i++) {
          const path = imageName(source.place, batch.indices[i] as number).slice(images.length + 1);
          const wanted = expected.images.find(({ file }) => file === path);
          const own = Array.from(logits.subarray(1000 * i, 1000 * (i + 1)));
          const predicted = own.indexOf(Math.max(...own));
          if (predicted === wanted?.predicted) same++;
          if (predicted === wanted?.label) right++;
          wanted?.firstLogits.forEach((value, k) => {
            worst = Math.max(worst, Math.abs(value - (own[k] as number)));
          });
        }
      }
      program.dispose();
      await loader.close();
      expect(tf.memory().numTensors).to.equal(tensors);
      expect(same).to.be.at.least(99);
      expect(right).to.equal(expected.top1);
      expect(worst).to.be.below(2e-2);
    });
  }
});
