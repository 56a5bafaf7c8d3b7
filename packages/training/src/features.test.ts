import { tf } from '@refconv/tensorflow';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { features } from './features.js';
import { messageOf, tinyData, withModel } from './testing/tiny.js';

const data = tinyData(32);

describe('features', () => {
  it(
    'are what the head is given, image by image, in evaluation mode',
    withModel(async (model) => {
      const found = await features(model, data.test, { batchSize: 7 });
      expect(found.shape).to.deep.equal([data.test.count, 16]);
      expect(found.labels).to.deep.equal(Int32Array.from(data.test.split.labels));
      const { mean, std } = data.test.normalisation;
      tf.tidy(() => {
        const pixels = tf.tensor4d(Float32Array.from(data.test.split.images), [data.test.count, 16, 16, 3]);
        const images = tf.div(tf.sub(tf.div(pixels, 255), tf.tensor1d([...mean])), tf.tensor1d([...std])) as Tensor4D;
        const logits = (model.predict(images) as Tensor).dataSync();
        const own = (model.getLayer('fc').apply(tf.tensor2d(found.data, [data.test.count, 16])) as Tensor).dataSync();
        own.forEach((value, i) => {
          expect(value).to.be.closeTo(logits[i] as number, 1e-4);
        });
      });
    }),
  );

  it(
    'of a spatial layer have the channels first; an unknown layer is named',
    withModel(async (model) => {
      expect((await features(model, data.test, { layer: 'relu1' })).shape).to.deep.equal([data.test.count, 8, 8, 8]);
      expect(await messageOf(features(model, data.test, { layer: 'relu9' }))).to.match(/no layer relu9; it has conv1/);
    }),
  );
});
