import { refconvLayers, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { kernelWatch } from './kernelChange.js';

const network = () =>
  tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 3, kernelSize: 3, name: 'first' }),
      tf.layers.conv2d({ filters: 4, kernelSize: 1, name: 'pointwise' }),
      tf.layers.depthwiseConv2d({ kernelSize: 3, name: 'second' }),
    ],
  });

describe('kernelWatch', () => {
  it('gives the mean relative change of spatial kernels, at a few steps of an epoch', () => {
    const model = network();
    const tensors = tf.memory().numTensors;
    const watch = kernelWatch(model, 10);
    const looked = Array.from({ length: 10 }, (_, step) => {
      watch.before(step);
      return watch.after();
    });
    expect(looked).to.deep.equal([0, undefined, undefined, 0, undefined, undefined, 0, undefined, undefined, 0]);
    watch.before(0);
    for (const layer of model.layers) {
      const scale = { first: 1.1, second: 0.7, pointwise: 9 }[layer.name] ?? Number.NaN;
      tf.tidy(() => layer.setWeights(layer.getWeights().map((weight) => tf.mul(weight, scale))));
    }
    expect(watch.after()).to.be.closeTo((0.1 + 0.3) / 2, 1e-5);
    expect(tf.memory().numTensors).to.equal(tensors);
    model.dispose();
  });

  it('sees W_t move by W_r, in the place of W_b, which stays', async () => {
    const plain = network();
    const model = await refocus(plain, { init: 'zero', mapKernel: 1 });
    const watch = kernelWatch(model, 1);
    watch.before(0);
    // A dense layer's map of one pixel that is c everywhere makes W_t = (1 + c)·W_b.
    const [first] = refconvLayers(model);
    tf.tidy(() => {
      first?.convmap.write(tf.fill(first.convmap.read().shape, 0.5));
    });
    expect(watch.after()).to.be.closeTo(0.5 / 2, 1e-5);
    plain.dispose();
    model.dispose();
  });
});
