/** `--seed` reaches what every method draws. */
import { buildBackbone } from '@refconv/backbones';
import { METHODS, reparameterizedLayers } from '@refconv/refconv';
import { loadModel } from '@refconv/training';
import type { LayersModel, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { writeImageFolder } from '../../datasets/dist/loader/testing.js';
import { type MethodFlags, reparameterized } from './method.js';
import { ownProcess, temporaryFolder } from './testing/commands.js';

const { fail, succeed } = ownProcess;

/** The weights of the method's layers, each as text, by name. */
function weightsOf(model: LayersModel): Map<string, string> {
  return new Map(
    reparameterizedLayers(model).flatMap((layer) =>
      layer.weights.map((weight) => {
        const { val } = weight as unknown as { val: Variable };
        return [`${layer.name}/${weight.originalName.split('/').pop()}`, val.dataSync().toString()] as const;
      }),
    ),
  );
}

describe('--seed', () => {
  const at = temporaryFolder();

  for (const id of METHODS.ids()) {
    it(`is of what ${id} draws over one network`, async () => {
      const draw = async (seed: number, flags: MethodFlags) => {
        const plain = buildBackbone('mobilenetv1', { variant: 'cifar', width: 1 / 16, seed: 5 });
        const model = await reparameterized(plain, id, { ...flags, seed });
        const weights = weightsOf(model);
        model.dispose();
        return weights;
      };
      for (const flags of [{}, { start: 'scratch' as const }]) {
        const [first, again, other] = [await draw(1, flags), await draw(1, flags), await draw(2, flags)];
        expect(again).to.deep.equal(first);
        const changed = [...first.keys()].filter((name) => first.get(name) !== other.get(name));
        const layers = new Set([...first.keys()].map((name) => name.split('/')[0]));
        const touched = new Set(changed.map((name) => name.split('/')[0]));
        expect(touched.size).to.equal(['wn', 'cwn', 'own'].includes(id) ? 0 : layers.size);
      }
    });
  }

  it('of `refconv train` is the method’s too', async () => {
    // So small a rate leaves the weights almost where they start.
    const still = '--epochs 1 --batch-size 8 --workers 1 --learning-rate 5e-7'.split(' ');
    await writeImageFolder(at('images/train'), ['ant', 'bee'], 4);
    await writeImageFolder(at('images/val'), ['ant', 'bee'], 2);
    const train = async (seed: string) => {
      const output = at(seed);
      const network = ['--backbone', 'mobilenetv1', '--width', '0.0625', '--variant', 'cifar', '--input-size', '32'];
      const data = ['--data', `folder:${at('images')}`];
      succeed('train', ...network, ...data, ...still, '--method', 'acb', '--seed', seed, '--output', output);
      const { model } = await loadModel(`${output}/model`);
      return weightsOf(model);
    };
    const [first, other] = [await train('1'), await train('2')];
    const branches = [...first.keys()].filter((name) => /(ver|hor)_conv$/.test(name));
    expect(branches.length).to.be.above(20);
    for (const name of branches) {
      const [a, b] = [first, other].map((weights) => weights.get(name)?.split(',').map(Number) as number[]);
      const apart = Math.max(...(a as number[]).map((value, i) => Math.abs(value - (b?.[i] as number))));
      expect(apart, name).to.be.above(0.01);
    }
  });

  it('is named where a seed is given as an option of the method', () => {
    const wrong = ['train', '--backbone', 'mobilenetv1', '--data', 'synthetic', '--output', at('wrong')];
    expect(fail(...wrong, '--method', 'acb', '--option', 'seed=3')).to.contain(
      '--option seed=… is no option of a method; `refconv train` has --seed.',
    );
  });
});
