/** What methods cannot take, and what they say of it. */
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildMethod, type LeftLayer, merge, refocus, reparameterize } from './index.js';
import { convolutionModel, expectSame, outputs, rejected, setRandomWeights } from './testing.js';

const STRUCTURAL = ['acb', 'repvgg', 'dbb'];

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
    expect(build('acc', {})).to.throw(RangeError, "There is no method 'acc'. Did you mean acb?");
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
