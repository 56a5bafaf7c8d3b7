import '@refconv/tensorflow';
import { batchNorm2d } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  isSpatial,
  merge,
  type RefConvLayer,
  refconvLayers,
  refconvParameters,
  refocus,
  reparameterizedLayers,
} from './index.js';

const topology = (model: tf.LayersModel) => model.toJSON(undefined, false);
const classes = (model: tf.LayersModel) => JSON.stringify(topology(model)).match(/"class_name":"\w+"/g);

function outputs(model: tf.LayersModel, seed = 7): Float32Array {
  return tf.tidy(() => {
    const shape = (model.inputs[0] as tf.SymbolicTensor).shape.map((size) => size ?? 2);
    const x = tf.randomNormal(shape, 0, 1, 'float32', seed);
    return (model.apply(x, { training: false }) as tf.Tensor).dataSync<'float32'>().slice();
  });
}

function expectSame(actual: Float32Array, expected: Float32Array, tolerance: number) {
  expect(actual.length).to.equal(expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const apart = actual.reduce((max, value, i) => Math.max(max, Math.abs(value - (expected[i] as number))), 0);
  expect(apart).to.be.at.most(tolerance * largest);
}

/** Functional, with a nested sequential model, a shared convolution, a patchifying and a 1×1 one. */
function network(sharing = true): tf.LayersModel {
  const input = tf.input({ shape: [12, 12, 3], name: 'image' });
  const apply = (layer: tf.layers.Layer, x: tf.SymbolicTensor | tf.SymbolicTensor[]) =>
    layer.apply(x) as tf.SymbolicTensor;
  const stem = apply(tf.layers.conv2d({ name: 'stem', filters: 4, kernelSize: 2, strides: 2 }), input);
  const shared = tf.layers.depthwiseConv2d({
    name: 'shared.dw',
    kernelSize: 3,
    padding: 'same',
    biasInitializer: 'ones',
  });
  const once = apply(shared, stem);
  const relu = apply(tf.layers.activation({ name: 'act_1', activation: 'relu6' }), once);
  const twice = sharing ? apply(shared, relu) : relu;
  const nested = tf.sequential({
    name: 'nested_block',
    layers: [
      tf.layers.conv2d({
        name: 'conv_a',
        inputShape: [6, 6, 4],
        filters: 5,
        kernelSize: [3, 5],
        padding: 'same',
        dilationRate: 1,
        activation: 'relu',
        kernelInitializer: 'heNormal',
        kernelRegularizer: tf.regularizers.l2({ l2: 1e-4 }),
      }),
      batchNorm2d({ name: 'bn' }),
      tf.layers.conv2d({ name: 'project', filters: 4, kernelSize: 1 }),
    ],
  });
  const sum = apply(tf.layers.add({ name: 'sum' }), [once, apply(nested, twice)]);
  const last = apply(
    tf.layers.conv2d({ name: 'last', filters: 2, kernelSize: 3, dilationRate: 2, useBias: false }),
    sum,
  );
  return tf.model({ name: 'net', inputs: input, outputs: last });
}

describe('refocus and merge', () => {
  it('rewrite nested models and shared layers, and give the plain topology back', async () => {
    const plain = network();
    const [before, given] = [topology(plain), outputs(plain)];
    const refocused = await refocus(plain, { seed: 3 });
    expect(refconvLayers(refocused).map(({ name }) => name)).to.deep.equal(['shared.dw', 'conv_a', 'last']);
    expect(refconvParameters(refocused)).to.deep.equal({
      basis: 9 * 4 + 15 * 20 + 9 * 8,
      map: 9 * 16 + 9 * 20 + 9 * 8,
    });
    expect(topology(plain)).to.deep.equal(before);
    expect(outputs(plain)).to.deep.equal(given);
    expect(outputs(refocused)).not.to.deep.equal(given);
    const merged = await merge(refocused);
    expect(topology(merged)).to.deep.equal(before);
    expect(classes(merged)).to.deep.equal(classes(plain));
    expectSame(outputs(merged), outputs(refocused), 1e-6);
    expect(reparameterizedLayers(merged)).to.deep.equal([]);
    for (const model of [plain, refocused, merged]) model.dispose();
  });

  it('start from exactly the plain model with W_r = 0', async () => {
    const plain = network();
    const refocused = await refocus(plain, { init: 'zero' });
    const merged = await merge(refocused);
    expect(outputs(refocused)).to.deep.equal(outputs(plain));
    expect(outputs(merged)).to.deep.equal(outputs(plain));
    for (const model of [plain, refocused, merged]) model.dispose();
  });

  it('agree for any kernel, map, stride and number of channels', async () => {
    const odd = fc.constantFrom(1, 3, 5);
    const sizes = fc.record({
      depthwise: fc.boolean(),
      kernelSize: fc.integer({ min: 3, max: 7 }),
      mapKernel: odd,
      strides: fc.integer({ min: 1, max: 2 }),
      channels: fc.integer({ min: 1, max: 9 }),
      filters: fc.integer({ min: 1, max: 9 }),
      depthMultiplier: fc.integer({ min: 1, max: 2 }),
      padding: fc.constantFrom('same' as const, 'valid' as const),
      init: fc.constantFrom('xavier' as const, 'official' as const),
      identity: fc.boolean(),
      useBias: fc.boolean(),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    const property = fc.asyncProperty(sizes, async (given) => {
      const { depthwise, kernelSize, channels, strides, filters, depthMultiplier, padding, useBias } = given;
      fc.pre(given.mapKernel <= kernelSize);
      const common = { inputShape: [9, 10, channels], kernelSize, strides, padding, useBias, biasInitializer: 'ones' };
      const layer = depthwise
        ? tf.layers.depthwiseConv2d({ ...common, depthMultiplier } as never)
        : tf.layers.conv2d({ ...common, filters } as never);
      const plain = tf.sequential({ layers: [layer] });
      const { mapKernel, init, identity, seed } = given;
      const refocused = await refocus(plain, { mapKernel, init, identity, seed });
      const merged = await merge(refocused);
      expectSame(outputs(merged), outputs(refocused), 1e-6);
      expect(topology(merged)).to.deep.equal(topology(plain));
      for (const model of [plain, refocused, merged]) model.dispose();
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it('leave no tensors behind', async () => {
    const tensors = tf.memory().numTensors;
    const plain = network(false); // tfjs itself does not dispose of a layer that is used twice
    const refocused = await refocus(plain, { basis: 'random' });
    const merged = await merge(refocused);
    const held = tf.memory().numTensors;
    outputs(refocused);
    expect(tf.memory().numTensors).to.equal(held);
    for (const model of [plain, refocused, merged]) model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('survive saving and loading', async () => {
    const plain = network();
    const refocused = await refocus(plain);
    let saved: tf.io.ModelArtifacts | undefined;
    await refocused.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    expect(topology(loaded)).to.deep.equal(topology(refocused));
    expect(outputs(loaded)).to.deep.equal(outputs(refocused));
    const merged = await merge(loaded);
    expect(topology(merged)).to.deep.equal(topology(plain));
    for (const model of [plain, refocused, loaded, merged]) model.dispose();
  });

  it('train W_r and the bias, and the basis only where told to', async () => {
    const plain = network();
    for (const trainableBasis of [false, true]) {
      const refocused = await refocus(plain, { trainableBasis });
      const { trainableWeights } = refconvLayers(refocused)[0] as RefConvLayer;
      const names = trainableWeights.map(({ originalName }) => originalName.split('/').pop());
      expect(names.sort()).to.deep.equal(['bias', 'convmap', ...(trainableBasis ? ['depthwise_kernel'] : [])]);
      // Thawing a frozen layer leaves the basis frozen.
      refocused.trainable = true;
      for (const layer of refocused.layers) layer.trainable = true;
      expect((refconvLayers(refocused)[0] as RefConvLayer).trainableWeights.length).to.equal(names.length);
      refocused.dispose();
    }
    plain.dispose();
  });

  it('draw the same for the same seed, other numbers for another and for each layer', async () => {
    const plain = tf.sequential({
      layers: [1, 2].map((i) =>
        tf.layers.depthwiseConv2d({ name: `dw${i}`, inputShape: [5, 5, 4], kernelSize: 3, padding: 'same' }),
      ),
    });
    const draw = async (seed: number) => {
      const model = await refocus(plain, { seed, basis: 'random' });
      const values = refconvLayers(model).map(({ basis, convmap }) => [
        [...basis.read().dataSync()],
        [...convmap.read().dataSync()],
      ]);
      model.dispose();
      return values;
    };
    const [first, again, other] = [await draw(1), await draw(1), await draw(2)];
    expect(again).to.deep.equal(first);
    expect(other[0]?.[0]).not.to.deep.equal(first[0]?.[0]);
    expect(other[0]?.[1]).not.to.deep.equal(first[0]?.[1]);
    expect(first[0]).not.to.deep.equal(first[1]);
    const bound = 1 / Math.sqrt(3 * 4);
    expect(Math.max(...(first[0]?.[1] ?? [Number.NaN]).map(Math.abs))).to.be.at.most(bound);
    plain.dispose();
  });

  it('say what they cannot do', async () => {
    const dense = tf.sequential({ name: 'mlp', layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    const rejected = async (promise: Promise<unknown>) =>
      promise.then(
        () => 'nothing was thrown',
        (error: Error) => error.message,
      );
    expect(await rejected(refocus(dense))).to.contain('mlp has no convolution for RefConv');
    expect(await rejected(merge(dense))).to.contain('mlp has no re-parameterised layer to merge');
    expect(await rejected(refocus(dense, { mapKernel: 2 }))).to.equal('mapKernel must be 1, 3 or 5; given 2.');
    expect(await rejected(refocus(dense, { init: 'he' as never }))).to.contain("given 'he'");
    expect(await rejected(refocus(dense, { basis: 'none' as never }))).to.contain("given 'none'");
    const net = network();
    expect(await rejected(refocus(net, { select: () => false }))).to.match(
      /layers that `select` accepts\. There are stem, .*project/,
    );
    const refocused = await refocus(net);
    for (const options of [{}, { select: isSpatial }])
      expect(await rejected(refocus(refocused, options))).to.match(
        /It is re-parameterised already: train it as it is, or merge\(\) the model first\.$/,
      );
    refocused.dispose();
    expect(await rejected(refocus(net, { select: () => true }))).to.equal(
      "RefConv cannot take the layer stem: its kernel is 2×2, smaller than the map's 3×3; give a smaller `mapKernel`. " +
        'Leave it out by `select`. Nor can it take project.',
    );
    const one = await refocus(net, { select: (layer) => isSpatial(layer) && layer.name === 'last', mapKernel: 1 });
    expect(refconvLayers(one).map(({ name }) => name)).to.deep.equal(['last']);
    for (const model of [dense, net, one]) model.dispose();
  });
});
