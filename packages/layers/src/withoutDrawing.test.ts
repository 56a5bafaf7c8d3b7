import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { batchNorm2d, withoutDrawing } from './index.js';

function model(): tf.LayersModel {
  const kernelInitializer = tf.initializers.randomNormal({ seed: 1 });
  const biasInitializer = tf.initializers.constant({ value: 2 });
  const layers = [
    tf.layers.conv2d({
      name: 'a',
      inputShape: [4, 4, 2],
      filters: 3,
      kernelSize: 3,
      kernelInitializer,
      biasInitializer,
    }),
    batchNorm2d({ name: 'bn' }),
    tf.layers.flatten({ name: 'flat' }),
    tf.layers.dense({ name: 'b', units: 2, kernelInitializer: 'glorotUniform' }),
  ];
  return tf.sequential({ name: 'small', layers });
}

/** The different values of each weight. */
const values = ({ weights }: tf.LayersModel) =>
  weights.map((weight) => [...new Set(tf.tidy(() => weight.read().dataSync()))]);

describe('withoutDrawing', () => {
  it('leaves ones where numbers would be drawn, constants and what is saved as they are', () => {
    const tensors = tf.memory().numTensors;
    const [drawn, undrawn] = [model(), withoutDrawing(model)];
    expect(values(undrawn)).to.deep.equal([[1], [2], [1], [0], [1], [0], [0], [1]]);
    expect(undrawn.toJSON(undefined, false)).to.deep.equal(drawn.toJSON(undefined, false));
    const again = model();
    expect(values(again)[0]).to.have.length.above(10).and.to.deep.equal(values(drawn)[0]);
    for (const each of [drawn, undrawn, again]) each.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('takes the layers that are asked for, and ends with an error too', () => {
    const some = withoutDrawing(model, ({ name }) => name === 'a');
    expect(values(some)[0]).to.deep.equal([1]);
    expect(values(some)[4]).to.have.length.above(10);
    const refuse = () => {
      throw new Error('none');
    };
    expect(() => withoutDrawing(refuse)).to.throw('none');
    const drawn = model();
    expect(values(drawn)[0]).to.have.length.above(10);
    for (const each of [some, drawn]) each.dispose();
  });
});
