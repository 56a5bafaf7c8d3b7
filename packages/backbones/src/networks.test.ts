import { withoutDrawing } from '@refconv/layers';
import { tf, withRandomSeed } from '@refconv/tensorflow';
import { loadTorchState, type TorchTensor, torchState } from '@refconv/weights';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { BackboneOptions, BackboneSize } from './backbone.js';
import { classesOf, fittingBackbones } from './fitting.js';
import { BACKBONES, buildBackbone } from './registry.js';
import { generatedImages, generatedState, readAnchor } from './testing/oracle.js';
import { KUANGLIU, withoutDropping } from './testing/others.js';
import { logitsOf } from './testing/reference.js';

/** Trainable parameters: tfjs's countParams counts the moving statistics too. */
const trainable = (model: LayersModel) =>
  model.trainableWeights.reduce(
    (sum, weight) => sum + weight.shape.reduce<number>((product, size) => product * (size as number), 1),
    0,
  );

/** The two forms of ShuffleNetV1 differ in shapes alone. */
const sameNames = (id: string) => (id.startsWith('shufflenetv1') ? ['shufflenetv1_g3', 'shufflenetv1_g8'] : [id]);

const LONG = process.env.REFCONV_LONG === '1';

/** Networks without narrow forms, of 7 to 30 million parameters: drawing them takes seconds. */
const LARGE = ['resnet18', 'resnet50', 'densenet121', 'densenet169', 'fasternet_s', 'convnext_tiny'];

/** The seeds of all initialisers that draw; null of one without. */
const seedsOf = ({ layers }: LayersModel): unknown[] =>
  layers.flatMap((layer) =>
    Object.entries(layer.getConfig()).flatMap(([key, value]) => {
      if (!key.endsWith('Initializer') || !value) return [];
      const { className, config } = value as { className: string; config: { seed?: number } };
      return ['Zeros', 'Ones', 'Constant'].includes(className) ? [] : [config.seed ?? null];
    }),
  );

/** Gives kernels other values than zeros, the same ones each time, without drawing. */
function fill(model: LayersModel): void {
  const kernels = model.weights.filter(({ shape }) => shape.length > 1);
  for (const weight of kernels) {
    tf.tidy(() => {
      const { shape, size } = weight.read();
      const spread = Math.sqrt((4 * (shape.at(-1) as number)) / size);
      weight.write(tf.reshape(tf.mul(tf.sin(tf.range(0, size)), spread), shape));
    });
  }
}

for (const [id, { variants, options, sizes = {} }] of BACKBONES.entries()) {
  describe(id, () => {
    const isNarrow = options.includes('width') && !id.startsWith('shufflenet');
    const small: BackboneOptions = { variant: 'cifar', ...(isNarrow && { width: 0.25 }) };

    it('has the variants and the numbers of parameters that are published, and names of its own for all layers', () => {
      expect(Object.keys(sizes)).to.deep.equal(variants);
      for (const variant of variants) {
        const { parameters, outputs = {} } = sizes[variant] as BackboneSize;
        const model = withoutDrawing(() => buildBackbone(id, { variant }));
        expect(trainable(model)).to.equal(parameters);
        expect(model.name).to.equal(id);
        expect(model.inputs[0]?.shape).to.deep.equal(variant === 'cifar' ? [null, 32, 32, 3] : [null, 224, 224, 3]);
        expect(model.outputs[0]?.shape).to.deep.equal([null, variant === 'cifar' ? 10 : 1000]);
        const state = torchState(model);
        expect(fittingBackbones(state)).to.deep.equal(sameNames(id));
        expect(classesOf(id, state)).to.equal(variant === 'cifar' ? 10 : 1000);
        // tfjs's own names have numbers that depend on what was built before.
        for (const { name } of model.layers) expect(name).not.to.match(/^[a-z0-9_]+_[a-zA-Z0-9]+_?\d+$/);
        if (variant === 'cifar') expect(Object.keys(outputs)).to.have.length.above(1);
        for (const [name, shape] of Object.entries(outputs))
          expect(model.getLayer(name).outputShape, name).to.deep.equal([null, ...shape]);
        model.dispose();
      }
    });

    it('draws every weight that is not constant by a seed of its own, which follows from the given one', () => {
      const [first, again, other] = [1, 1, 2].map((seed) => {
        const model = withoutDrawing(() => buildBackbone(id, { ...small, seed }));
        const seeds = seedsOf(model);
        model.dispose();
        return seeds;
      }) as [unknown[], unknown[], unknown[]];
      expect(again).to.deep.equal(first);
      expect(first).to.have.length.above(10);
      for (const seed of first) expect(seed).to.satisfy(Number.isInteger);
      expect(new Set([...first, ...other]).size).to.equal(2 * first.length);
    });

    it('starts from the same weights for the same seed, from others for another', function () {
      if (!LONG && LARGE.includes(id)) this.skip();
      const states = [1, 1, 2].map((seed) => {
        const model = buildBackbone(id, { ...small, seed });
        const state = torchState(model);
        model.dispose();
        return [...state.values()].flatMap(({ data }) => [...data.subarray(0, 100)]);
      });
      expect(states[0]).to.deep.equal(states[1]);
      expect(states[0]).not.to.deep.equal(states[2]);
    });

    const dropping = Object.keys(withoutDropping(id));
    if (dropping.length) {
      it(`drops by the seed, in training alone, where it has ${dropping.join(' and ')}`, () => {
        const build = (chosen: BackboneOptions) => withoutDrawing(() => buildBackbone(id, { ...small, ...chosen }));
        const model = build(Object.fromEntries(dropping.map((name) => [name, 0.5])));
        const without = build(withoutDropping(id));
        expect(seedsOf(model)).to.deep.equal(seedsOf(without));
        for (const each of [model, without]) fill(each);
        const dropouts = ({ layers }: LayersModel) =>
          layers.filter((layer) => layer.getClassName() === 'Dropout').length;
        expect([dropouts(model) > 0, dropouts(without)]).to.deep.equal([true, 0]);
        const tensors = tf.memory().numTensors;
        const x = tf.tensor4d(generatedImages({ input: 'input', shape: [4, 3, 32, 32] }), [4, 32, 32, 3]);
        const logits = (model: LayersModel, training: boolean, draw = 0) => {
          const seed = tf.tensor1d([1, draw], 'int32');
          const y = withRandomSeed(seed, () => model.apply(x, { training }) as Tensor);
          const values = [...y.dataSync()];
          tf.dispose([seed, y]);
          return values;
        };
        expect(logits(model, false)).to.deep.equal(logits(without, false));
        expect(logits(model, true, 1)).to.deep.equal(logits(model, true, 1));
        expect(logits(model, true, 1)).not.to.deep.equal(logits(model, true, 2));
        expect(logits(without, true, 1)).to.deep.equal(logits(without, true, 2));
        x.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
        model.dispose();
        without.dispose();
      });
    }

    const kuangliu = KUANGLIU[id];
    const anchor = kuangliu && readAnchor(kuangliu.anchor);
    if (anchor) {
      it("computes in its cifar variant what kuangliu/pytorch-cifar's does", () => {
        const model = withoutDrawing(() => buildBackbone(id, { variant: 'cifar', ...kuangliu.options }));
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
  });
}
