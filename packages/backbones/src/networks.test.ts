import { applyMomentum, compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { BACKBONES, type BackboneOptions, buildBackbone } from './registry.js';
import {
  type EvalCase,
  fnv,
  generatedImages,
  generatedState,
  type Oracle,
  readAnchor,
  readOracle,
  uniform,
} from './testing/oracle.js';
import { loadTorchState, type TorchTensor, torchState } from './torchState.js';

interface Expected {
  parameters: Partial<Record<'imagenet' | 'cifar', number>>;
  /** Layers whose sizes the cifar variant must have, [h, w, c]. */
  cifarShapes: Record<string, number[]>;
  /** How kuangliu/pytorch-cifar's variant is reached: its anchor, our options, and its name of a layer of ours. */
  kuangliu?: { anchor: string; options?: BackboneOptions; name: (layer: string) => string };
}

const EXPECTED: Record<string, Expected> = {
  mobilenetv1: {
    parameters: { imagenet: 4_231_976, cifar: 3_217_226 },
    cifarShapes: { conv_stem: [32, 32, 32], 'blocks.4.1.conv_pw': [2, 2, 1024] },
    kuangliu: {
      anchor: 'cifar_mobilenet',
      options: { activation: 'relu' },
      name: (layer) => {
        const [, stage, block, part] = /^blocks\.(\d)\.(\d)\.(\w+)$/.exec(layer) ?? [];
        const renamed: Record<string, string> = { conv_stem: 'conv1', conv_dw: 'conv1', conv_pw: 'conv2' };
        if (part === undefined) return layer === 'classifier' ? 'linear' : (renamed[layer] ?? layer);
        const before = [0, 1, 3, 5, 11][Number(stage)] as number;
        return `layers.${before + Number(block)}.${renamed[part] ?? part}`;
      },
    },
  },
  mobilenetv2: {
    parameters: { imagenet: 3_504_872, cifar: 2_296_922 },
    cifarShapes: { 'features.0.0': [32, 32, 32], 'features.3.add': [32, 32, 24], 'features.18.0': [4, 4, 1280] },
    kuangliu: {
      anchor: 'cifar_mobilenetv2',
      name: (layer) => {
        const ends: Record<string, string> = {
          'features.0.0': 'conv1',
          'features.0.1': 'bn1',
          'features.18.0': 'conv2',
          'features.18.1': 'bn2',
          'classifier.1': 'linear',
        };
        const [, feature, part] = /^features\.(\d+)\.(.+)$/.exec(layer) ?? [];
        const renamed: Record<string, string> = {
          'conv.0.0': 'conv1',
          'conv.0.1': 'bn1',
          'conv.1.0': 'conv2',
          'conv.1.1': 'bn2',
          'conv.2': 'conv3',
          'conv.3': 'bn3',
        };
        return ends[layer] ?? `layers.${Number(feature) - 1}.${renamed[part as string] ?? part}`;
      },
    },
  },
  resnet18: {
    parameters: { imagenet: 11_689_512, cifar: 11_173_962 },
    cifarShapes: { conv1: [32, 32, 64], 'layer1.1.relu2': [32, 32, 64], 'layer4.1.relu2': [4, 4, 512] },
    kuangliu: {
      anchor: 'cifar_resnet18',
      name: (layer) => layer.replace('downsample', 'shortcut').replace('fc', 'linear'),
    },
  },
  resnet20_cifar: {
    parameters: { cifar: 269_722 },
    cifarShapes: { conv1: [32, 32, 16], 'layer2.0.shortcut.pad': [256, 32, 1], 'layer3.2.relu2': [8, 8, 64] },
  },
};

/** Trainable parameters: tfjs's countParams counts the moving statistics too. */
const trainable = (model: LayersModel) =>
  model.trainableWeights.reduce(
    (sum, weight) => sum + weight.shape.reduce<number>((product, size) => product * (size as number), 1),
    0,
  );

const evaluator = (model: LayersModel, eager: boolean) =>
  compile({ evaluate: (x: Tensor4D) => model.apply(x, { training: false }) as Tensor }, { eager });

function logitsOf(model: LayersModel, { input, shape }: Pick<EvalCase, 'input' | 'shape'>, eager = false): number[] {
  const [n, c, h, w] = shape;
  const program = evaluator(model, eager);
  const x = tf.tensor4d(generatedImages({ input, shape }), [n, h, w, c]);
  const logits = program.evaluate(x);
  const values = [...logits.dataSync()];
  tf.dispose([x, logits]);
  program.dispose();
  return values;
}

/** The loss before each step of SGD. */
function lossesOf(model: LayersModel, example: Oracle['train'], eager: boolean): number[] {
  const { shape, labels, optimizer, losses } = example;
  const [n, c, h, w] = shape;
  const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Variable }).val);
  const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const program = compile(
    {
      train: (x: Tensor4D, y: Tensor1D) => {
        const loss = () => tf.mean(softmaxCrossEntropy(model.apply(x, { training: true }) as Tensor2D, y)) as Scalar;
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
  const x = tf.tensor4d(generatedImages(example), [n, h, w, c]);
  const y = tf.tensor1d(labels, 'int32');
  const found = losses.map(() => program.train(x, y).dataSync()[0] as number);
  program.dispose();
  tf.dispose([x, y, ...slots]);
  return found;
}

describe('the rule that tensors are generated by', () => {
  it('gives the published numbers', () => {
    expect(fnv('input')).to.equal(0xf9d86f7b);
    expect([...uniform('input', 2)].map((value) => value.toFixed(10))).to.deep.equal(['0.7990331361', '0.1116203063']);
  });
});

it('every network has an expectation', () => {
  expect(Object.keys(EXPECTED)).to.have.members(Object.keys(BACKBONES));
});

for (const [id, { parameters, cifarShapes, kuangliu }] of Object.entries(EXPECTED)) {
  describe(id, () => {
    it('has the variants and the numbers of parameters that are published, and names of its own for all layers', () => {
      expect(BACKBONES[id]?.variants).to.deep.equal(Object.keys(parameters));
      for (const [variant, count] of Object.entries(parameters)) {
        const model = buildBackbone(id, { variant: variant as 'imagenet' | 'cifar' });
        expect(trainable(model)).to.equal(count);
        expect(model.name).to.equal(id);
        expect(model.inputs[0]?.shape).to.deep.equal(variant === 'cifar' ? [null, 32, 32, 3] : [null, 224, 224, 3]);
        expect(model.outputs[0]?.shape).to.deep.equal([null, variant === 'cifar' ? 10 : 1000]);
        // tfjs's own names have numbers that depend on what was built before.
        for (const { name } of model.layers) expect(name).not.to.match(/^[a-z0-9_]+_[a-zA-Z0-9]+_?\d+$/);
        if (variant === 'cifar')
          for (const [name, shape] of Object.entries(cifarShapes))
            expect(model.getLayer(name).outputShape, name).to.deep.equal([null, ...shape]);
        model.dispose();
      }
    });

    it('starts from the same weights for the same seed, from others for another', () => {
      const states = [1, 1, 2].map((seed) => {
        const model = buildBackbone(id, { variant: 'cifar', seed, ...(id.startsWith('mobile') && { width: 0.25 }) });
        const state = torchState(model);
        model.dispose();
        return [...state.values()].flatMap(({ data }) => [...data.subarray(0, 100)]);
      });
      expect(states[0]).to.deep.equal(states[1]);
      expect(states[0]).not.to.deep.equal(states[2]);
    });

    const anchor = kuangliu && readAnchor(kuangliu.anchor);
    if (anchor) {
      it("computes in its cifar variant what kuangliu/pytorch-cifar's does", () => {
        const model = buildBackbone(id, { variant: 'cifar', ...kuangliu.options });
        const keys = [...torchState(model)].map(([key, { shape }]) => {
          const dot = key.lastIndexOf('.');
          return { ours: key, theirs: kuangliu.name(key.slice(0, dot)) + key.slice(dot), shape };
        });
        const generated = generatedState(keys.map(({ theirs, shape }) => [theirs, shape]));
        loadTorchState(model, new Map(keys.map(({ ours, theirs }) => [ours, generated.get(theirs) as TorchTensor])));
        const logits = logitsOf(model, { input: 'input', shape: [1, 3, 32, 32] });
        const tolerance = 1e-4 * Math.max(...logits.map(Math.abs));
        anchor.head.forEach((value, i) => {
          expect(logits[i]).to.be.closeTo(value, tolerance);
        });
        expect(logits.indexOf(Math.max(...logits))).to.equal(anchor.argmax);
        expect(logits.reduce((sum, value) => sum + value)).to.be.closeTo(anchor.sum, 10 * tolerance);
        expect(Math.hypot(...logits)).to.be.closeTo(anchor.l2, 10 * tolerance);
        model.dispose();
      });
    }

    const oracle = readOracle(id);
    if (!oracle) {
      it.skip(`(no oracle for ${id}; REFCONV_SHARED names their folder)`);
      return;
    }

    const build = (size: number) => {
      // The oracles were made without dropout.
      const dropout = BACKBONES[id]?.options.includes('dropout') ? { dropout: 0 } : {};
      const model = buildBackbone(id, { inputSize: size, ...dropout });
      loadTorchState(model, generatedState(oracle.state));
      return model;
    };

    for (const example of oracle.eval) {
      const size = example.shape[2];
      it(`evaluates as the reference does at ${size} pixels, compiled${size < 224 ? ' and eager' : ''}`, () => {
        const model = build(size);
        const tolerance = (1e-4 + 3 * example.spread) * Math.max(...example.logits.map(Math.abs));
        for (const eager of size < 224 ? [false, true] : [false]) {
          const logits = logitsOf(model, example, eager);
          expect(logits.length).to.equal(example.logits.length);
          example.logits.forEach((value, i) => {
            expect(logits[i]).to.be.closeTo(value, tolerance);
          });
        }
        model.dispose();
      });
    }

    for (const eager of [false, true]) {
      it(`trains as the reference does, ${eager ? 'eager' : 'compiled'}`, () => {
        const { shape, losses, spread } = oracle.train;
        const model = build(shape[2]);
        const found = lossesOf(model, oracle.train, eager);
        losses.forEach((loss, step) => {
          const tolerance = 1e-4 + 1e-3 * loss + 3 * (spread[step] as number) * loss;
          expect(found[step]).to.be.closeTo(loss, tolerance);
        });
        model.dispose();
      });
    }
  });
}
