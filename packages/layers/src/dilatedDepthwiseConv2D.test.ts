import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { DilatedDepthwiseConv2D } from './dilatedDepthwiseConv2D.js';

type Args = ConstructorParameters<typeof DilatedDepthwiseConv2D>[0];

const ARGS: Args = {
  kernelSize: 3,
  dilationRate: 2,
  depthwiseInitializer: tf.initializers.randomNormal({ stddev: 1, seed: 1 }),
  biasInitializer: tf.initializers.randomNormal({ stddev: 1, seed: 2 }),
};

/** The undilated kernel with zeros between its elements. */
function spread(kernel: tf.Tensor4D, [dy, dx]: [number, number]): tf.Tensor4D {
  const [h, w, c, m] = kernel.shape;
  const buffer = tf.buffer([(h - 1) * dy + 1, (w - 1) * dx + 1, c, m]);
  const values = kernel.arraySync();
  for (let i = 0; i < h; i++)
    for (let j = 0; j < w; j++)
      for (let k = 0; k < c; k++)
        for (let l = 0; l < m; l++) buffer.set(values[i]?.[j]?.[k]?.[l] as number, i * dy, j * dx, k, l);
  return buffer.toTensor() as tf.Tensor4D;
}

function expectClose(actual: tf.Tensor, expected: tf.Tensor) {
  expect(actual.shape).to.deep.equal(expected.shape);
  const wanted = expected.dataSync();
  actual.dataSync().forEach((value, i) => {
    expect(value).to.be.closeTo(wanted[i] as number, 1e-4);
  });
}

describe('DilatedDepthwiseConv2D', () => {
  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      const cases: [string, Partial<Args>][] = [
        ['same padding', { padding: 'same' }],
        ['no padding', {}],
        ['5×5, a multiplier, relu', { kernelSize: 5, depthMultiplier: 2, padding: 'same', activation: 'relu' }],
        ['sides unlike, without bias', { kernelSize: [3, 2], dilationRate: [1, 3], padding: 'same', useBias: false }],
      ];
      for (const [name, args] of cases) {
        it(`is the convolution with zeros between the kernel's elements, and has its gradient: ${name}`, () => {
          const tensors = tf.memory().numTensors;
          tf.tidy(() => {
            const layer = new DilatedDepthwiseConv2D({ ...ARGS, ...args });
            const x = tf.randomNormal([2, 9, 11, 9], 0, 1, 'float32', 3) as tf.Tensor4D;
            const y = layer.apply(x) as tf.Tensor4D;
            expect(layer.computeOutputShape([null, 9, 11, 9])).to.deep.equal([null, ...y.shape.slice(1)]);
            const [kernel, bias] = layer.getWeights() as [tf.Tensor4D, tf.Tensor?];
            const rate = args.dilationRate ?? 2;
            const wide = spread(kernel, (typeof rate === 'number' ? [rate, rate] : rate) as [number, number]);
            const plain = (x: tf.Tensor) => {
              const z = tf.depthwiseConv2d(x as tf.Tensor4D, wide, 1, args.padding === 'same' ? 'same' : 'valid');
              const biased = bias ? tf.add(z, bias) : z;
              return args.activation ? tf.relu(biased) : biased;
            };
            expectClose(y, plain(x));
            const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 4);
            expectClose(tf.grad((x) => layer.apply(x) as tf.Tensor)(x, dy), tf.grad(plain)(x, dy));
            layer.dispose();
          });
          expect(tf.memory().numTensors).to.equal(tensors);
        });
      }
    });
  }

  it('saves under a name of its own, which stock tfjs does not know, and loads', async () => {
    const tensors = tf.memory().numTensors;
    const model = tf.sequential({ layers: [new DilatedDepthwiseConv2D({ ...ARGS, inputShape: [9, 9, 3] })] });
    const topology = model.toJSON(undefined, false);
    expect(JSON.stringify(topology)).to.include('"class_name":"DilatedDepthwiseConv2D"');
    const loaded = await tf.models.modelFromJSON({ modelTopology: topology } as never);
    loaded.setWeights(model.getWeights());
    tf.tidy(() => {
      const x = tf.randomNormal([1, 9, 9, 3], 0, 1, 'float32', 3);
      expectClose(loaded.predict(x) as tf.Tensor, model.predict(x) as tf.Tensor);
    });
    model.dispose();
    loaded.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('refuses strides, and images as channelsFirst', () => {
    expect(() => new DilatedDepthwiseConv2D({ ...ARGS, strides: 2 })).to.throw(RangeError, 'given strides 2,2');
    expect(() => new DilatedDepthwiseConv2D({ ...ARGS, dataFormat: 'channelsFirst' })).to.throw(
      RangeError,
      'channelsLast',
    );
  });
});

describe("tf.layers' DepthwiseConv2D", () => {
  it('is refused where it would compute without its dilationRate', () => {
    const layer = () => tf.layers.depthwiseConv2d({ ...ARGS, name: 'stock', inputShape: [9, 9, 3] });
    expect(() => tf.sequential({ layers: [layer()] })).to.throw('use DilatedDepthwiseConv2D of @refconv/layers');
    expect(() =>
      tf
        .sequential({ layers: [tf.layers.depthwiseConv2d({ ...ARGS, dilationRate: 1, inputShape: [9, 9, 3] })] })
        .dispose(),
    ).not.to.throw();
  });
});
