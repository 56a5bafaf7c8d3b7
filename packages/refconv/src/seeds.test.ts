/** Randomness is an argument: what a method draws follows from the seed, whichever method, layer and start. */
import '@refconv/tensorflow';
import { batchNorm2d, GroupedConv2D } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildMethod, METHODS, merge, refocus, reparameterize, reparameterizedLayers } from './index.js';
import { expectSame, outputs, rejected } from './testing.js';

/** A dense, a grouped and two depthwise convolutions, each with its batch norm; two have the same shape. */
function network(): tf.LayersModel {
  const common = { kernelSize: 3, padding: 'same' as const, useBias: false };
  const kernelInitializer = () => tf.initializers.heNormal({ seed: 5 });
  const input = tf.input({ shape: [6, 6, 3] });
  const layers = [
    tf.layers.conv2d({ ...common, name: 'dense', filters: 16, kernelInitializer: kernelInitializer() }),
    new GroupedConv2D({ ...common, name: 'grouped', filters: 16, groups: 2, kernelInitializer: kernelInitializer() }),
    ...['first', 'second'].map((name) =>
      tf.layers.depthwiseConv2d({ ...common, name, depthwiseInitializer: kernelInitializer() }),
    ),
  ].flatMap((layer) => [layer, batchNorm2d({ name: `${layer.name}.bn` })]);
  const output = layers.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return tf.model({ inputs: input, outputs: output });
}

/** The layers' weights by layer and own name. */
function weightsOf(model: tf.LayersModel): Map<string, number[]> {
  return new Map(
    reparameterizedLayers(model).flatMap((layer) =>
      layer.weights.map((weight) => [
        `${layer.name}/${weight.originalName.split('/').pop()}`,
        [...(weight as unknown as { val: tf.Variable }).val.dataSync()],
      ]),
    ),
  );
}

const SCRATCH = { start: 'scratch' } as const;
const KERNELS = ['dense/kernel', 'grouped/kernel', 'first/depthwise_kernel', 'second/depthwise_kernel'];
const LAYERS = ['dense', 'grouped', 'first', 'second'];
const ofEach = (layers: string[], names: string[]) =>
  layers.flatMap((layer) => names.map((name) => `${layer}/${name}`));
const BRANCHES = {
  acb: ofEach(LAYERS, ['ver_conv', 'hor_conv']),
  repvgg: ofEach(LAYERS, ['rbr_1x1.conv']),
  dbb: [
    ...ofEach(['dense', 'grouped'], ['dbb_avg.conv', 'dbb_1x1.conv', 'dbb_1x1_kxk.conv2']),
    ...ofEach(['first', 'second'], ['dbb_1x1_kxk.conv1', 'dbb_1x1_kxk.conv2']),
  ],
};
const MAPS = ofEach(LAYERS, ['convmap']);

interface Drawing {
  id: string;
  options?: object;
  /** The weights that are drawn; from scratch the structural methods draw their k×k kernels too. */
  drawn: string[];
}

const DRAWINGS: Drawing[] = [
  ...(['xavier', 'official'] as const).flatMap((init): Drawing[] => [
    { id: 'refconv', options: { init }, drawn: MAPS },
    { id: 'refconv', options: { init, basis: 'random' }, drawn: [...MAPS, ...KERNELS] },
  ]),
  { id: 'refconv', options: { init: 'zero' }, drawn: [] },
  { id: 'refconv', options: { init: 'zero', basis: 'random' }, drawn: KERNELS },
  { id: 'refconv', options: { trainableBasis: true, mapKernel: 1 }, drawn: MAPS },
  ...(['wn', 'cwn', 'own'] as const).map((id): Drawing => ({ id, drawn: [] })),
  ...(['acb', 'repvgg', 'dbb'] as const).map((id): Drawing => ({ id, drawn: BRANCHES[id] })),
];
const CASES = (['pretrained', 'scratch'] as const).flatMap((start) =>
  DRAWINGS.map(({ id, options = {}, drawn }) => ({
    ...{ id, options, start },
    drawn: start === 'scratch' && id in BRANCHES ? [...drawn, ...KERNELS] : drawn,
  })),
);

describe('what a method draws', () => {
  it('is known for every method', () => {
    expect([...new Set(DRAWINGS.map(({ id }) => id))]).to.have.members(METHODS.ids());
  });

  for (const { id, options, start, drawn } of CASES) {
    it(`follows from the seed: ${id} ${JSON.stringify(options)} ${start}`, async () => {
      const tensors = tf.memory().numTensors;
      const plain = network();
      const draw = async (seed?: number) => {
        const model = await reparameterize(plain, buildMethod(id, options), { start, seed });
        const weights = weightsOf(model);
        model.dispose();
        return weights;
      };
      const [zero, unsaid, first, again] = [await draw(0), await draw(), await draw(1), await draw(1)];
      expect(again, 'one seed twice').to.deep.equal(first);
      expect(unsaid, 'the default is 0').to.deep.equal(zero);
      for (const seed of [2, 0, 1 + 2 ** 32, 1 + 2 ** 52]) {
        const other = await draw(seed);
        const changed = [...first].filter(([name, values]) => `${other.get(name)}` !== `${values}`);
        expect(changed.map(([name]) => name)).to.have.members(drawn);
      }
      // Each layer and weight has other numbers, those of the same shape too.
      const kinds = new Set(drawn.map((name) => `${first.get(name)}`));
      expect(kinds.size).to.equal(drawn.length);
      plain.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }

  it('is what it was when the seed was an option', async () => {
    const plain = network();
    // Printed by the version whose layers saved the seed.
    const refocused = await refocus(plain, { seed: 3, basis: 'random' });
    const branched = await reparameterize(plain, buildMethod('acb'), SCRATCH);
    const [of, ofBranches] = [weightsOf(refocused), weightsOf(branched)];
    const first = (values: number[] | undefined) => values?.slice(0, 2) as number[];
    for (const [given, printed] of [
      [of.get('first/convmap'), [0.015308615751564503, -0.1084173172712326]],
      [ofBranches.get('first/depthwise_kernel'), [0.16275888681411743, 0.20213741064071655]],
      [ofBranches.get('first/ver_conv'), [0.15097014605998993, -0.013978837057948112]],
    ] as [number[], number[]][]) {
      first(given).forEach((value, i) => {
        expect(value).to.be.closeTo(printed[i] as number, 1e-6);
      });
    }
    for (const each of [plain, refocused, branched]) each.dispose();
  });

  it('is no option of a method, and the error says whose argument it is', () => {
    for (const id of METHODS.ids()) {
      expect(() => buildMethod(id, { seed: 1 }), id).to.throw(
        RangeError,
        'give it to reparameterize(model, method, { seed })',
      );
    }
  });

  it('refuses what is no seed', async () => {
    const plain = network();
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(await rejected(refocus(plain, { seed }))).to.equal(
        `seed must be an integer from 0 to 2^53 − 1; given ${seed}.`,
      );
    }
    plain.dispose();
  });
});

describe('a layer', () => {
  for (const id of ['refconv', 'acb', 'repvgg', 'dbb']) {
    it(`of ${id} saves no seed, and loads where an older one saved it`, async () => {
      const plain = network();
      const model = await reparameterize(plain, buildMethod(id), { ...SCRATCH, seed: 3 });
      const topology = model.toJSON(undefined, false) as unknown as {
        config: { layers: { config: { reparameterization?: Record<string, unknown> } }[] };
      };
      expect(JSON.stringify(topology))
        .to.contain('reparameterization')
        .and.not.match(/"seed":3/);
      let saved = 0;
      for (const { config } of topology.config.layers) {
        if (!config.reparameterization) continue;
        expect(config.reparameterization).not.to.have.property('seed');
        config.reparameterization.seed = 3;
        saved++;
      }
      expect(saved).to.equal(4);
      const loaded = await tf.models.modelFromJSON({ modelTopology: topology as never });
      loaded.setWeights(model.getWeights());
      expect([...outputs(loaded)]).to.deep.equal([...outputs(model)]);
      for (const layer of reparameterizedLayers(loaded))
        expect(layer.getConfig().reparameterization).not.to.have.property('seed');
      const merged = await merge(loaded);
      expectSame(outputs(merged), outputs(model), 1e-4);
      for (const each of [plain, model, loaded, merged]) each.dispose();
    });
  }
});
