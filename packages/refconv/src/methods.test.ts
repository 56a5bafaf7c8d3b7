/** What all methods promise: they merge to the plain model, start where they say, train compiled, and refuse what they cannot take. */
import { buildBackbone } from '@refconv/backbones';
import { batchNorm2d } from '@refconv/layers';
import { applyMomentum, compile, softmaxCrossEntropy } from '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  buildMethod,
  type LeftLayer,
  METHODS,
  merge,
  type ReparameterizeOptions,
  refocus,
  reparameterize,
} from './index.js';
import { convolutionModel, expectSame, outputs, rejected, setRandomWeights, topology } from './testing.js';

const IDS = Object.keys(METHODS);
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
  resnet18: () => buildBackbone('resnet18', { variant: 'cifar', inputSize: 8 }),
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
        const variables = model.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
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
          const variables = model.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
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

describe('what the methods refuse', () => {
  const bare = () => {
    const conv = (name: string) =>
      tf.layers.conv2d({ name, filters: 3, kernelSize: 3, padding: 'same', useBias: false });
    const input = tf.input({ shape: [6, 6, 3] });
    const x = conv('one').apply(input) as tf.SymbolicTensor;
    const y = conv('two').apply(x) as tf.SymbolicTensor;
    const normed = tf.layers.batchNormalization({ name: 'bn' }).apply(y) as tf.SymbolicTensor;
    const sum = tf.layers.add().apply([normed, y]) as tf.SymbolicTensor;
    return tf.model({ name: 'bare', inputs: input, outputs: sum });
  };

  it('and says which convolutions it leaves, and why', async () => {
    const layer = (name: string, kernelSize: number, strides = 1) =>
      tf.layers.conv2d({ name, filters: 3, kernelSize, strides, padding: 'same' });
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [8, 8, 3] }),
        ...[layer('patches', 2, 2), layer('point', 1), layer('taken', 3), layer('pair', 2)],
        tf.layers.separableConv2d({ name: 'separable', filters: 3, kernelSize: 3, padding: 'same' }),
      ],
    });
    const left: LeftLayer[] = [];
    const onLeft = (layers: readonly LeftLayer[]) => {
      left.splice(0, left.length, ...layers);
    };
    (await refocus(model, { onLeft })).dispose();
    expect(left.map(({ name, reason }) => [name, reason.slice(0, 30)])).to.have.deep.members([
      ['patches', 'its windows do not overlap'],
      ['separable', 'no method takes a SeparableCon'],
      ['pair', 'its kernel is 2×2, smaller tha'],
    ]);
    (await refocus(model, { onLeft, mapKernel: 1, select: ({ name }) => name === 'taken' })).dispose();
    expect(left.map(({ name, reason }) => `${name}: ${reason}`)).to.have.members([
      ...['patches: not selected', 'pair: not selected', 'separable: no method takes a SeparableConv2D'],
    ]);
    left.length = 0;
    const whole = tf.sequential({ layers: [tf.layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [8, 8, 3] })] });
    (await refocus(whole, { onLeft })).dispose();
    expect(left).to.deep.equal([]);
    for (const each of [model, whole]) each.dispose();
  });

  it('structural ones: a convolution without a batch norm of its own, unless it may have a bias', async () => {
    const tensors = tf.memory().numTensors;
    const model = bare();
    for (const id of STRUCTURAL) {
      const message = await rejected(reparameterize(model, buildMethod(id)));
      expect(message).to.contain('cannot take the layer one: no batch norm reads its output, alone');
      expect(message).to.contain("`withoutBatchNorm: 'bias'`").and.contain('Nor can it take two.');
      const block = await reparameterize(model, buildMethod(id), { withoutBatchNorm: 'bias' });
      setRandomWeights(block, 1);
      const merged = await merge(block);
      expectSame(outputs(merged), outputs(block), 1e-5);
      expect((merged.getLayer('one').getConfig() as { useBias: boolean }).useBias).to.equal(true);
      block.dispose();
      merged.dispose();
    }
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  const cases: [id: string, options: object, layer: Parameters<typeof convolutionModel>[0], message: string][] = [
    ['acb', {}, shape({ kernel: 7 }), 'its kernel is larger than 5'],
    ['acb', {}, shape({ kernel: 4, padding: 'same' }), 'its kernel is 4×4, and both sizes must be odd and above 1'],
    ['repvgg', {}, shape({ kernel: 5 }), 'its kernel is 5×5, and must be 3×3'],
    ['dbb', {}, shape({ dilation: 2 }), 'it is dilated'],
    ['dbb', {}, shape({ kind: 'dw', inputs: 4, outputs: 8 }), 'it has a depth multiplier'],
    ['cwn', {}, shape({ kind: 'dw', inputs: 4, outputs: 4, kernel: 1 }), 'centred to 0'],
    [
      'own',
      { rowsPerGroup: 9 },
      shape({ kind: 'dw', inputs: 9, outputs: 9 }),
      'at most 8 can. Give fewer `rowsPerGroup`',
    ],
    ['own', { rowsPerGroup: 'all' }, shape({ inputs: 3, outputs: 32 }), '32 rows of 27 numbers cannot be orthogonal'],
    ['own', { rowsPerGroup: 3 }, shape({ outputs: 8 }), 'its 8 outputs cannot be divided into groups of 3'],
  ];
  function shape(args: Partial<Parameters<typeof convolutionModel>[0]>): Parameters<typeof convolutionModel>[0] {
    return { kind: 'dense', inputs: 4, outputs: 8, kernel: 3, stride: 1, groups: 1, batchNorm: true, ...args };
  }
  for (const [id, options, layer, message] of cases) {
    it(`${id}: ${message}`, async () => {
      const tensors = tf.memory().numTensors;
      const model = convolutionModel(layer);
      const select = ({ name }: { name: string }) => name === 'conv';
      expect(await rejected(reparameterize(model, buildMethod(id, options), { select }))).to.contain(message);
      if (layer.kernel > 1) expect(await rejected(reparameterize(model, buildMethod(id, options)))).to.contain(message);
      model.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }

  it('WN: an output of zeros', async () => {
    const tensors = tf.memory().numTensors;
    const model = convolutionModel(shape({ batchNorm: false }));
    tf.tidy(() => model.setWeights([tf.zerosLike(model.getWeights()[0] as tf.Tensor)]));
    expect(await rejected(reparameterize(model, buildMethod('wn')))).to.contain(
      'output 0 has only zeros; give an `epsilon`',
    );
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('options that are none', () => {
    const build = (id: string, options: object) => () => buildMethod(id, options);
    expect(build('acc', {})).to.throw(RangeError, "There is no method 'acc'; there are refconv, acb");
    expect(build('acb', { gama: 1 })).to.throw(RangeError, 'ACB has no option gama; it has gamma, singleInit');
    expect(build('refconv', { kernel: 1 })).to.throw(RangeError, 'RefConv has no option kernel; it has mapKernel');
    expect(build('acb', { gamma: Number.NaN })).to.throw(RangeError, 'gamma must be a number; given NaN');
    expect(build('dbb', { expansion: 0 })).to.throw(RangeError, 'expansion must be a positive integer; given 0');
    expect(build('wn', { variant: 'keras' })).to.throw(RangeError, "variant must be 'torch' or 'oni'; given 'keras'");
    expect(build('cwn', { epsilon: -1 })).to.throw(RangeError, 'epsilon must be at least 0; given -1');
    expect(build('own', { rowsPerGroup: 2.5 })).to.throw(RangeError, "'auto' or 'all'; given 2.5");
  });

  it('starts that are none', async () => {
    const model = convolutionModel(shape({}));
    const start = 'zero' as 'scratch';
    expect(await rejected(reparameterize(model, buildMethod('acb'), { start }))).to.equal(
      "start must be 'pretrained' or 'scratch'; given 'zero'.",
    );
    model.dispose();
  });
});
