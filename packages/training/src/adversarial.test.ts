import { syntheticDataset } from '@refconv/datasets';
import { logitMargin, tf } from '@refconv/tensorflow';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { adversarialImages } from './adversarial.js';
import { classifier } from './classifier.js';
import { fit } from './fit.js';
import { checkRecipe, recipeHash } from './recipe.js';
import { tinyData, tinyModel, tinyRecipe, weightsHash, withModel } from './testing/tiny.js';

const PIXELS = { mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.5] };
const EPS = 8;

function batch() {
  const { images } = syntheticDataset({ size: 16, train: 1, test: 8 }).test;
  const normalised = Float32Array.from(images, (byte, i) => {
    const c = i % 3;
    return (byte / 255 - (PIXELS.mean[c] as number)) / (PIXELS.std[c] as number);
  });
  return {
    bytes: images,
    images: tf.tensor4d(normalised, [8, 16, 16, 3]),
    labels: tf.tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32'),
  };
}

/** The pixels of images, 0 to 1. */
const pixelsOf = (images: Tensor4D) =>
  images
    .dataSync<'float32'>()
    .map((value, i) => value * (PIXELS.std[i % 3] as number) + (PIXELS.mean[i % 3] as number));

describe('adversarial training', () => {
  it(
    'moves each pixel by eps at most, keeps it a pixel, and makes the network wronger; another seed starts elsewhere',
    withModel((model) =>
      tf.tidy(() => {
        const { bytes, images, labels } = batch();
        const attacked = (seed: number) =>
          adversarialImages(
            model,
            images,
            labels,
            { eps: EPS },
            { pixels: PIXELS, seed: tf.tensor1d([1, seed], 'int32') },
          );
        const found = pixelsOf(attacked(1));
        let atTheEdge = 0;
        found.forEach((value, i) => {
          const moved = Math.abs(255 * value - (bytes[i] as number));
          if (!(value > -1e-5 && value < 1 + 1e-5 && moved < EPS + 1e-3))
            expect.fail(`pixel ${i} is ${value}, moved by ${moved}`);
          if (moved > EPS - 1e-3) atTheEdge++;
        });
        // A step of 1.25 eps from a uniform start ends there more often than not.
        expect(atTheEdge / found.length).to.be.above(0.5);
        const margin = (x: Tensor4D) =>
          tf.mean(logitMargin(model.apply(x, { training: false }) as Tensor2D, labels)).dataSync()[0] as number;
        expect(margin(attacked(1))).to.be.above(margin(images));
        expect([...attacked(1).dataSync()]).to.deep.equal([...attacked(1).dataSync()]);
        expect([...attacked(2).dataSync()]).to.not.deep.equal([...attacked(1).dataSync()]);
      }),
    ),
  );

  it(
    'trains on these images and leaves the statistics of batch norms to that',
    withModel(async (model) => {
      const [start, other] = [model.getWeights().map((weight) => weight.dataSync().slice()), tinyModel()];
      const { images, labels } = batch();
      const seed = tf.tensor1d([1, 5], 'int32');
      const options = { momentum: 0.9, weightDecay: 0, decayNormsAndBiases: true, labelSmoothing: 0 };
      const shown = tf.tidy(() => adversarialImages(other, images, labels, { eps: EPS }, { pixels: PIXELS, seed }));
      const [attacking, plain] = [
        classifier(model, { ...options, adversarial: { eps: EPS } }, { pixels: PIXELS }),
        classifier(other, options),
      ];
      const [loss, wanted] = [await attacking.train.async(images, labels, 0.1, seed), plain.train(shown, labels, 0.1)];
      expect(loss.dataSync()[0]).to.be.closeTo(wanted.dataSync()[0] as number, 1e-5);
      other.getWeights().forEach((weight, i) => {
        const found = model.getWeights()[i]?.dataSync() as Float32Array;
        expect([...found]).to.not.deep.equal([...(start[i] as Float32Array)]);
        weight.dataSync().forEach((value, j) => {
          expect(found[j]).to.be.closeTo(value as number, 1e-4);
        });
      });
      attacking.dispose();
      plain.dispose();
      other.dispose();
      tf.dispose([images, labels, seed, shown, loss, wanted]);
    }),
  );

  it('gives another network, the same one each time', async () => {
    const data = tinyData(32);
    const trained = async (changes: object) => {
      const model = tinyModel();
      await fit({
        model,
        data,
        recipe: tinyRecipe({ epochs: 1, ...changes }),
        log: () => {},
        showProgress: false,
      });
      const hash = weightsHash(model);
      model.dispose();
      return hash;
    };
    const hash = await trained({ adversarial: { eps: 4 } });
    expect(await trained({ adversarial: { eps: 4 } })).to.equal(hash);
    expect(await trained({})).to.not.equal(hash);
  });

  it('leaves recipes without it with the hash that they had, and says what is wrong', () => {
    const recipe = tinyRecipe();
    expect(checkRecipe(recipe)).to.not.have.property('adversarial');
    expect(recipeHash({ ...recipe, adversarial: undefined })).to.equal(recipeHash(recipe));
    expect(recipeHash({ ...recipe, adversarial: { eps: 8 } })).to.not.equal(recipeHash(recipe));
    const refused = (adversarial: unknown, message: RegExp) =>
      expect(() => checkRecipe({ ...recipe, adversarial } as never)).to.throw(message);
    refused({ eps: 0 }, /adversarial.eps must be a number above 0, in 1\/255; given 0/);
    refused({ step: 1 }, /adversarial.eps must be a number above 0, in 1\/255; given undefined/);
    refused({ eps: 1, size: 1 }, /adversarial.size must be left out: it is unknown/);
    refused(8, /adversarial must be an object such as \{ eps: 8 \}; given 8/);
    tf.tidy(() => {
      const { images, labels } = batch();
      const seed = tf.tensor1d([1, 1], 'int32');
      const attack = (given: Tensor1D | Tensor2D, options: object) => () =>
        adversarialImages(undefined as never, images, given, { eps: 1 }, options);
      expect(attack(labels, { seed })).to.throw(/how the images are normalised/);
      expect(attack(labels, { pixels: PIXELS })).to.throw(/needs a seed for each step/);
      expect(attack(tf.zeros([8, 4]) as Tensor2D, { seed, pixels: PIXELS })).to.throw(/leave mixup and cutmix out/);
    });
  });
});
