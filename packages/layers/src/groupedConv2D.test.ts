import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { GroupedConv2D, type GroupedConv2DArgs } from './groupedConv2D.js';

const ARGS: GroupedConv2DArgs = {
  filters: 6,
  kernelSize: 3,
  groups: 3,
  kernelInitializer: tf.initializers.randomNormal({ stddev: 1, seed: 1 }),
  biasInitializer: tf.initializers.randomNormal({ stddev: 1, seed: 2 }),
};

/** The dense kernel that is zero between groups: an ordinary convolution with it is the grouped one. */
function denseKernel(kernel: tf.Tensor4D, groups: number): tf.Tensor4D {
  if (groups === 1) return kernel;
  const parts: tf.Tensor4D[] = tf.split(kernel, groups, 3);
  const rows = parts.map((part, group) => {
    const [height, width, channels, filters] = part.shape;
    const zeros = (count: number) => tf.zeros([height, width, channels, count * filters]);
    return tf.concat([zeros(group), part, zeros(groups - 1 - group)] as tf.Tensor4D[], 3);
  });
  return tf.concat(rows, 2);
}

function expectClose(actual: tf.Tensor, expected: tf.Tensor) {
  expect(actual.shape).to.deep.equal(expected.shape);
  const wanted = expected.dataSync();
  actual.dataSync().forEach((value, i) => {
    expect(value).to.be.closeTo(wanted[i] as number, 1e-4);
  });
}

describe('GroupedConv2D', () => {
  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      const cases: [string, Partial<GroupedConv2DArgs>][] = [
        ['1×1', { kernelSize: 1 }],
        ['same padding', { padding: 'same' }],
        ['stride 2', { strides: 2, padding: 'same' }],
        ['an uneven kernel, without bias', { kernelSize: [3, 2], useBias: false }],
        ['relu', { activation: 'relu' }],
        ['one group', { groups: 1 }],
      ];
      for (const [name, args] of cases) {
        it(`is the convolution with zeros between the groups, and has its gradients: ${name}`, () => {
          const tensors = tf.memory().numTensors;
          tf.tidy(() => {
            const given = { ...ARGS, ...args };
            const { strides = 1, padding = 'valid', groups = 3, activation } = given;
            const layer = new GroupedConv2D(given);
            const x = tf.randomNormal([2, 7, 8, 6], 0, 1, 'float32', 3) as tf.Tensor4D;
            const y = layer.apply(x) as tf.Tensor4D;
            expect(layer.computeOutputShape([null, 7, 8, 6])).to.deep.equal([null, ...y.shape.slice(1)]);
            const [kernel, bias] = layer.getWeights() as [tf.Tensor4D, tf.Tensor?];
            expect(kernel.shape.slice(2)).to.deep.equal([6 / groups, 6]);
            const dense = (x: tf.Tensor4D, kernel: tf.Tensor4D) => {
              const size = strides as number;
              const z = tf.conv2d(x, denseKernel(kernel, groups), size, padding as 'same' | 'valid');
              const biased = bias ? tf.add(z, bias) : z;
              return activation ? tf.relu(biased) : biased;
            };
            expectClose(y, dense(x, kernel));
            const weight = tf.randomNormal(y.shape, 0, 1, 'float32', 4);
            const variable = (layer.trainableWeights[0] as unknown as { val: tf.Variable }).val;
            const grouped = tf.variableGrads(() => tf.sum(tf.mul(layer.apply(x) as tf.Tensor, weight)), [variable]);
            const ours = tf.grad((x) => tf.sum(tf.mul(layer.apply(x) as tf.Tensor, weight)))(x);
            const [dx, dkernel] = tf.grads((x, kernel) =>
              tf.sum(tf.mul(dense(x as tf.Tensor4D, kernel as tf.Tensor4D), weight)),
            )([x, kernel]);
            expectClose(ours, dx as tf.Tensor);
            expectClose(grouped.grads[variable.name] as tf.Tensor, dkernel as tf.Tensor);
            layer.dispose();
          });
          expect(tf.memory().numTensors).to.equal(tensors);
        });
      }

      it('is dilated', () => {
        tf.tidy(() => {
          const layer = new GroupedConv2D({ ...ARGS, dilationRate: 2, useBias: false });
          const x = tf.randomNormal([1, 7, 8, 6], 0, 1, 'float32', 3) as tf.Tensor4D;
          const y = layer.apply(x) as tf.Tensor;
          const kernel = denseKernel(layer.getWeights()[0] as tf.Tensor4D, 3);
          expectClose(y, tf.conv2d(x, kernel, 1, 'valid', 'NHWC', 2));
          layer.dispose();
        });
      });
    });
  }

  it('saves and loads with its groups and weights', async () => {
    const tensors = tf.memory().numTensors;
    const model = tf.sequential({ layers: [new GroupedConv2D({ ...ARGS, inputShape: [5, 5, 6] })] });
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      }),
    );
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    expect(loaded.layers.at(-1)).to.be.instanceOf(GroupedConv2D).with.property('groups', 3);
    tf.tidy(() => {
      const x = tf.randomNormal([1, 5, 5, 6], 0, 1, 'float32', 3);
      expectClose(loaded.predict(x) as tf.Tensor, model.predict(x) as tf.Tensor);
    });
    model.dispose();
    loaded.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('refuses groups that do not divide', () => {
    const layer = (args: Partial<GroupedConv2DArgs>) => () => new GroupedConv2D({ ...ARGS, name: 'grouped', ...args });
    expect(layer({ filters: 8 })).to.throw(RangeError, 'grouped has 8 filters, which its 3 groups do not divide.');
    expect(layer({ groups: 1.5 })).to.throw(RangeError, 'groups must be a positive integer; given 1.5');
    expect(layer({ groups: 0 })).to.throw(RangeError, 'groups must be a positive integer; given 0');
    expect(layer({ dataFormat: 'channelsFirst' })).to.throw(RangeError, 'channelsLast');
    const model = () => tf.sequential({ layers: [layer({ inputShape: [5, 5, 4] })()] });
    expect(model).to.throw(RangeError, 'grouped has 4 input channels, which its 3 groups do not divide.');
  });
});
