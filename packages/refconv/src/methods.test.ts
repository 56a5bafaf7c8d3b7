/** What all methods promise: they merge to the plain model, start where they say, and train compiled. */

import { buildBackbone } from '@refconv/backbones';
import { batchNorm2d, variablesOf } from '@refconv/layers';
import { applyMomentum, compile, softmaxCrossEntropy } from '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { buildMethod, METHODS, merge, type ReparameterizeOptions, reparameterize } from './index.js';
import { convolutionModel, expectSame, outputs, rejected, setRandomWeights, topology } from './testing.js';

const IDS = METHODS.ids();
const STRUCTURAL = ['acb', 'repvgg', 'dbb'];

/** Kernels, dilations and strides within what the method admits. */
function geometry(id: string) {
  const structural = STRUCTURAL.includes(id);
  return fc
    .record({
      kind: fc.constantFrom('dense' as const, 'dw' as const),
      kernel: id === 'repvgg' ? fc.constant(3) : structural ? fc.constantFrom(3, 5) : fc.integer({ min: 3, max: 7 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: id === 'dbb' ? fc.constant(1) : fc.integer({ min: 1, max: 2 }),
      groups: fc.constantFrom(1, 2, 3),
      perGroup: fc.integer({ min: 1, max: 4 }),
      out: fc.integer({ min: 1, max: 4 }),
      batchNorm: fc.boolean(),
      useBias: fc.boolean(),
      padding: fc.constantFrom('torch' as const, 'same' as const, 'valid' as const),
      size: fc.integer({ min: 13, max: 15 }),
      seed: fc.integer({ min: 1, max: 1000 }),
      start: fc.constantFrom('pretrained' as const, 'scratch' as const),
    })
    .filter(({ stride, dilation }) => stride === 1 || dilation === 1)
    .map(({ kind, groups, perGroup, out, kernel, padding, ...rest }) => {
      // Zeros on all sides are for odd kernels.
      const given = { ...rest, kernel, padding: kernel % 2 ? padding : ('same' as const) };
      const inputs = groups * perGroup;
      if (kind === 'dense') return { ...given, kind, groups, inputs, outputs: groups * out };
      return { ...given, kind, groups: 1, inputs, outputs: id === 'dbb' ? inputs : inputs * ((out % 2) + 1) };
    });
}

describe('the methods on single convolutions', () => {
  for (const id of IDS) {
    it(`${id}: merged = unmerged in evaluation, in the topology that was given`, async () => {
      const tensors = tf.memory().numTensors;
      const property = fc.asyncProperty(geometry(id), async ({ start, seed, ...given }) => {
        const plain = convolutionModel(given);
        setRandomWeights(plain, seed);
        const options: ReparameterizeOptions = {
          start,
          withoutBatchNorm: 'bias',
          select: ({ name }) => name === 'conv',
        };
        const model = await reparameterize(plain, buildMethod(id, id === 'own' ? { rowsPerGroup: 1 } : {}), options);
        if (start === 'pretrained' && [...STRUCTURAL, 'wn'].includes(id)) {
          expectSame(outputs(model), outputs(plain), 1e-5);
        }
        setRandomWeights(model, seed + 1);
        const merged = await merge(model);
        expectSame(outputs(merged), outputs(model), 1e-5);
        if (given.batchNorm || given.useBias || !STRUCTURAL.includes(id)) {
          expect(topology(merged)).to.deep.equal(topology(plain));
        }
        for (const each of [plain, model, merged]) each.dispose();
      });
      await fc.assert(property, { numRuns: 25, seed: 1 });
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }

  it('structural ones give any batch norm back, of another ε and without scale or centre', async () => {
    for (const scale of [true, false])
      for (const center of [true, false]) {
        const tensors = tf.memory().numTensors;
        const plain = tf.sequential({
          layers: [
            tf.layers.conv2d({ name: 'conv', inputShape: [7, 7, 3], filters: 4, kernelSize: 3, padding: 'same' }),
            tf.layers.batchNormalization({ name: 'bn', scale, center, epsilon: 1e-2 }),
          ],
        });
        setRandomWeights(plain, 3);
        for (const id of STRUCTURAL) {
          const model = await reparameterize(plain, buildMethod(id));
          expectSame(outputs(model), outputs(plain), 1e-5);
          setRandomWeights(model, 4);
          const merged = await merge(model);
          expect(topology(merged)).to.deep.equal(topology(plain));
          expectSame(outputs(merged), outputs(model), 1e-5);
          model.dispose();
          merged.dispose();
        }
        plain.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
      }
  });
});

describe('structural methods in nested models', () => {
  const conv = (name: string) =>
    tf.layers.conv2d({ name, filters: 3, kernelSize: 3, padding: 'same', inputShape: [6, 6, 3] });
  const nestedModel = () => {
    const block = tf.sequential({ name: 'block', layers: [conv('a'), batchNorm2d({ name: 'a.bn' })] });
    const input = tf.input({ shape: [6, 6, 3] });
    return tf.model({ inputs: input, outputs: block.apply(tf.layers.reLU().apply(input)) as tf.SymbolicTensor });
  };
  /** One convolution with its batch norm, used twice. */
  const sharingModel = () => {
    const [first, second] = [conv('shared'), batchNorm2d({ name: 'bn' })];
    const once = (x: tf.SymbolicTensor) => second.apply(first.apply(x)) as tf.SymbolicTensor;
    const input = tf.input({ shape: [6, 6, 3] });
    return tf.model({ name: 'sharing', inputs: input, outputs: once(once(input)) });
  };

  for (const id of STRUCTURAL) {
    it(`${id}: exchange and merge inside them; refuse a chain that is used twice`, async () => {
      const nested = nestedModel();
      setRandomWeights(nested, 1);
      const model = await reparameterize(nested, buildMethod(id));
      expectSame(outputs(model), outputs(nested), 1e-5);
      setRandomWeights(model, 2);
      const merged = await merge(model);
      expect(topology(merged)).to.deep.equal(topology(nested));
      expectSame(outputs(merged), outputs(model), 1e-5);
      const sharing = sharingModel();
      expect(await rejected(reparameterize(sharing, buildMethod(id)))).to.contain(
        'cannot take the layer shared: no batch norm reads its output, alone',
      );
      for (const each of [nested, model, merged]) each.dispose();
    });
  }
});

const NETWORKS: Record<string, () => tf.LayersModel> = {
  ...(process.env.REFCONV_LONG === '1'
    ? { resnet18: () => buildBackbone('resnet18', { variant: 'cifar', inputSize: 8 }) }
    : { resnet20_cifar: () => buildBackbone('resnet20_cifar', { inputSize: 8 }) }),
  mobilenetv2: () => buildBackbone('mobilenetv2', { variant: 'cifar', width: 0.25, inputSize: 16 }),
};

for (const [network, build] of Object.entries(NETWORKS)) {
  describe(`the methods on ${network}`, () => {
    let plain: tf.LayersModel;
    before(() => {
      plain = build();
      setRandomWeights(plain, 1, false);
    });
    after(() => plain.dispose());

    for (const id of IDS) {
      it(`${id}: merged = unmerged, and the architecture is back; saved, loaded and merged too`, async () => {
        const tensors = tf.memory().numTensors;
        const model = await reparameterize(plain, buildMethod(id), { start: 'scratch' });
        setRandomWeights(model, 2, false);
        const merged = await merge(model);
        expect(topology(merged)).to.deep.equal(topology(plain));
        expectSame(outputs(merged), outputs(model), 1e-5);
        if (network === 'mobilenetv2') {
          let saved: tf.io.ModelArtifacts | undefined;
          await model.save(
            tf.io.withSaveHandler(async (artifacts) => {
              saved = artifacts;
              return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
            }),
          );
          const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
          expect(topology(loaded)).to.deep.equal(topology(model));
          const mergedAfter = await merge(loaded);
          expect(outputs(mergedAfter)).to.deep.equal(outputs(merged));
          expect(topology(mergedAfter)).to.deep.equal(topology(plain));
          loaded.dispose();
          mergedAfter.dispose();
        }
        model.dispose();
        merged.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    }
  });
}

describe('the methods in training', () => {
  const build = () => {
    const batchNorm = (name: string) => tf.layers.batchNormalization({ name });
    return tf.sequential({
      layers: [
        tf.layers.conv2d({
          name: 'a',
          inputShape: [8, 8, 3],
          filters: 6,
          kernelSize: 3,
          padding: 'same',
          useBias: false,
          kernelInitializer: tf.initializers.randomNormal({ seed: 1 }),
        }),
        batchNorm('a.bn'),
        tf.layers.activation({ activation: 'relu' }),
        tf.layers.zeroPadding2d({ padding: 1 }),
        tf.layers.depthwiseConv2d({
          name: 'b',
          kernelSize: 3,
          strides: 2,
          useBias: false,
          depthwiseInitializer: tf.initializers.randomNormal({ seed: 2 }),
        }),
        batchNorm('b.bn'),
        tf.layers.globalAveragePooling2d({}),
      ],
    });
  };

  for (const id of IDS) {
    it(`${id}: the compiled step is the eager one, changes all weights and leaves no tensors`, async () => {
      const before = tf.memory().numTensors;
      const plain = build();
      const results: number[][] = [];
      for (const eager of [false, true]) {
        const model = await reparameterize(plain, buildMethod(id), { start: 'scratch' });
        const variables = variablesOf(model.trainableWeights);
        const slots = tf.tidy(() => variables.map((variable) => tf.variable(tf.zerosLike(variable), false)));
        const initial = variables.map((variable) => variable.dataSync().slice());
        const step = (x: tf.Tensor4D, y: tf.Tensor1D) => {
          const loss = () =>
            tf.mean(softmaxCrossEntropy(model.apply(x, { training: true }) as tf.Tensor2D, y)) as tf.Scalar;
          const { value, grads } = tf.variableGrads(loss, variables);
          variables.forEach((variable, i) => {
            applyMomentum({
              variable,
              accumulator: slots[i] as tf.Variable,
              gradient: grads[variable.name] as tf.Tensor,
              learningRate: tf.scalar(0.1),
              momentum: tf.scalar(0.9),
            });
          });
          return value;
        };
        const program = compile({ step }, { eager });
        const x = tf.randomNormal([8, 8, 8, 3], 0, 1, 'float32', 5) as tf.Tensor4D;
        const y = tf.tensor1d([0, 1, 2, 3, 4, 5, 0, 1], 'int32');
        const losses: number[] = [];
        let held = 0;
        for (let i = 0; i < 4; i++) {
          const loss = program.step(x, y);
          losses.push(loss.dataSync()[0] as number);
          loss.dispose();
          if (i === 1) held = tf.memory().numTensors;
        }
        expect(tf.memory().numTensors).to.equal(held);
        expect(losses[3]).to.be.lessThan(losses[0] as number);
        program.dispose();
        variables.forEach((variable, i) => {
          expect(variable.dataSync(), variable.name).not.to.deep.equal(initial[i]);
        });
        results.push([...losses, ...outputs(model)]);
        tf.dispose([x, y, slots]);
        model.dispose();
      }
      const [compiled, eager] = results as [number[], number[]];
      expectSame(Float32Array.from(compiled), Float32Array.from(eager), 1e-4);
      plain.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  }
});

describe('the methods without the engine, on the backend cpu', () => {
  before(() => tf.setBackend('cpu'));
  after(() => tf.setBackend('tensorflow'));

  for (const id of IDS)
    for (const args of [
      { kind: 'dense', inputs: 4, outputs: 4, groups: 2 },
      { kind: 'dw', inputs: 4, outputs: 4, groups: 1 },
    ] as const) {
      it(`${id}, ${args.kind}: gradients of all weights, and merging`, async () => {
        const tensors = tf.memory().numTensors;
        const plain = convolutionModel({ ...args, kernel: 3, stride: 2, batchNorm: true, size: 7 });
        const model = await reparameterize(plain, buildMethod(id), { start: 'scratch' });
        tf.tidy(() => {
          const variables = variablesOf(model.trainableWeights);
          const x = tf.randomNormal([2, 7, 7, 4], 0, 1, 'float32', 1);
          const loss = () => tf.sum(tf.square(model.apply(x, { training: true }) as tf.Tensor)) as tf.Scalar;
          const { grads } = tf.variableGrads(loss, variables);
          for (const variable of variables) {
            expect((grads[variable.name] as tf.Tensor).dataSync().every(Number.isFinite), variable.name).to.equal(true);
          }
        });
        const merged = await merge(model);
        expectSame(outputs(merged), outputs(model), 1e-5);
        for (const each of [plain, model, merged]) each.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    }
});
