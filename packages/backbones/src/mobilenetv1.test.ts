import { applyMomentum, compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mobilenetv1 } from './mobilenetv1.js';
import { fnv, generatedImages, generatedState, readOracle, uniform } from './testing/oracle.js';
import { loadTorchState, torchState } from './torchState.js';

/** Trainable parameters: tfjs's countParams counts the moving statistics too. */
const trainable = (model: LayersModel) =>
  model.trainableWeights.reduce(
    (sum, weight) => sum + weight.shape.reduce<number>((product, size) => product * (size as number), 1),
    0,
  );

describe('mobilenetv1', () => {
  it('has the numbers of parameters that are published', () => {
    const imagenet = mobilenetv1();
    const cifar = mobilenetv1({ variant: 'cifar' });
    expect(trainable(imagenet)).to.equal(4_231_976);
    expect(trainable(cifar)).to.equal(3_217_226);
    expect(cifar.outputs[0]?.shape).to.deep.equal([null, 10]);
    expect(cifar.getLayer('blocks.4.0.conv_dw').output).to.have.property('shape').that.deep.equals([null, 2, 2, 512]);
    imagenet.dispose();
    cifar.dispose();
  });

  it('starts from the same weights for the same seed, from others for another', () => {
    const first = (seed: number) => {
      const model = mobilenetv1({ variant: 'cifar', width: 0.25, seed });
      const values = [...(model.getLayer('blocks.1.0.conv_pw').getWeights()[0] as Tensor).dataSync()];
      model.dispose();
      return values;
    };
    expect(first(1)).to.deep.equal(first(1));
    expect(first(1)).not.to.deep.equal(first(2));
  });

  it('refuses sizes that are none', () => {
    expect(() => mobilenetv1({ width: 0.01 })).to.throw(RangeError, 'without channels');
    expect(() => mobilenetv1({ classes: 0 })).to.throw(RangeError, 'classes must be a positive integer; given 0');
    expect(() => mobilenetv1({ variant: 'mnist' as never })).to.throw(RangeError, "no variant 'mnist'");
  });
});

describe('weights from PyTorch', () => {
  it('go in and out unchanged', () => {
    const model = mobilenetv1({ variant: 'cifar', width: 0.25 });
    const given = torchState(model);
    for (const { data } of given.values()) data.set(data.map((_, i) => Math.sin(i)));
    loadTorchState(model, given);
    expect(torchState(model)).to.deep.equal(given);
    model.dispose();
  });

  it('that do not fit are listed, and leave the model as it was', () => {
    const model = mobilenetv1({ variant: 'cifar', width: 0.25 });
    const before = torchState(model);
    const state = torchState(model);
    state.delete('bn1.bias');
    state.set('extra.weight', { shape: [1], data: new Float32Array(1) });
    state.set('bn1.num_batches_tracked', { shape: [], data: new Float32Array(1) });
    state.set('classifier.weight', { shape: [10, 3], data: new Float32Array(30) });
    expect(() => loadTorchState(model, state)).to.throw(
      'Keys missing: bn1.bias. Keys unexpected: extra.weight. ' +
        'Keys of another shape: classifier.weight: given [10,3], expected [10,256].',
    );
    expect(torchState(model)).to.deep.equal(before);
    model.dispose();
  });
});

describe('mobilenetv1 against its oracle', () => {
  const oracle = readOracle('mobilenetv1');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }

  const build = (size: number) => {
    const model = mobilenetv1({ inputSize: size });
    loadTorchState(model, generatedState(oracle.state));
    return model;
  };

  it('generates tensors by the rule', () => {
    expect(fnv('input')).to.equal(0xf9d86f7b);
    expect([...uniform('input', 2)].map((value) => value.toFixed(10))).to.deep.equal(['0.7990331361', '0.1116203063']);
  });

  for (const eager of [false, true]) {
    const how = eager ? 'eager' : 'compiled';
    for (const example of oracle.eval) {
      it(`evaluates as the reference does at ${example.shape[2]} pixels, ${how}`, () => {
        const [n, c, h, w] = example.shape;
        const model = build(h);
        const program = compile(
          { evaluate: (x: Tensor4D) => model.apply(x, { training: false }) as Tensor },
          { eager },
        );
        const logits = program.evaluate(tf.tensor4d(generatedImages(example), [n, h, w, c])).dataSync();
        const tolerance = (1e-4 + 3 * example.spread) * Math.max(...example.logits.map(Math.abs));
        expect(logits.length).to.equal(example.logits.length);
        example.logits.forEach((value, i) => {
          expect(logits[i]).to.be.closeTo(value, tolerance);
        });
        program.dispose();
        model.dispose();
      });
    }

    it(`trains as the reference does, ${how}`, () => {
      const { shape, labels, optimizer, losses, spread } = oracle.train;
      const [n, c, h, w] = shape;
      const model = build(h);
      const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Variable }).val);
      const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
      const program = compile(
        {
          train: (x: Tensor4D, y: Tensor1D) => {
            const loss = () =>
              tf.mean(softmaxCrossEntropy(model.apply(x, { training: true }) as Tensor2D, y)) as Scalar;
            const { value, grads } = tf.variableGrads(loss, weights);
            weights.forEach((variable, i) => {
              const gradient = tf.add(grads[variable.name] as Tensor, tf.mul(variable, optimizer.weightDecay));
              const [learningRate, momentum] = [tf.scalar(optimizer.lr), tf.scalar(optimizer.momentum)];
              applyMomentum({ variable, accumulator: slots[i] as Variable, gradient, learningRate, momentum });
            });
            return value;
          },
        },
        { eager },
      );
      const x = tf.tensor4d(generatedImages(oracle.train), [n, h, w, c]);
      const y = tf.tensor1d(labels, 'int32');
      losses.forEach((loss, step) => {
        const tolerance = 1e-4 + 1e-3 * loss + 3 * (spread[step] as number) * loss;
        expect(program.train(x, y).dataSync()[0]).to.be.closeTo(loss, tolerance);
      });
      program.dispose();
      tf.dispose([x, y, ...slots]);
      model.dispose();
    });
  }
});
