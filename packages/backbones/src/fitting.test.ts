import '@refconv/tensorflow';
import { loadTorchState, type TorchState, torchState, WeightsMismatchError } from '@refconv/weights';
import { expect } from 'chai';
import { classesOf, fittingBackbones, fittingVariants } from './fitting.js';
import { buildBackbone } from './registry.js';

function stateOf(id: string, options = {}): TorchState {
  const model = buildBackbone(id, options);
  const state = torchState(model);
  model.dispose();
  return state;
}
const renamed = (state: TorchState, rename: (key: string) => string): TorchState =>
  new Map([...state].map(([key, tensor]) => [rename(key), tensor]));
const sorted = (state: TorchState): TorchState => new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));

describe('a state_dict tells', () => {
  it('its classes by the name of its last layer, in whatever order', () => {
    for (const id of ['mobilenetv3_small', 'mobilenetv1'])
      expect(classesOf(id, sorted(stateOf(id, { classes: 7, width: 0.25 }))), id).to.equal(7);
    const inside = renamed(stateOf('mobilenetv1', { classes: 7, width: 0.125 }), (key) => `model.${key}`);
    expect([classesOf('mobilenetv1', inside), fittingBackbones(inside)]).to.deep.equal([7, ['mobilenetv1']]);
    expect([classesOf('mobilenetv1', new Map()), fittingBackbones(new Map())]).to.deep.equal([undefined, []]);
  });

  it('its variant where the shapes differ', () => {
    const small = { width: 0.125 };
    const mobilenet = stateOf('mobilenetv1', { ...small, variant: 'cifar', classes: 3 });
    expect(fittingVariants('mobilenetv1', mobilenet, small)).to.deep.equal(['imagenet', 'cifar']);
    const shortcuts = stateOf('mobilenetv2', { ...small, variant: 'cifar' });
    expect(fittingVariants('mobilenetv2', shortcuts, small)).to.deep.equal(['cifar']);
  });
});

describe('loadTorchState', () => {
  it('takes names with what a larger module put before them, and passes scalars over', () => {
    const model = buildBackbone('mobilenetv1', { width: 0.125, variant: 'cifar', seed: 1 });
    const given = stateOf('mobilenetv1', { width: 0.125, variant: 'cifar', seed: 2 });
    const scalar = { shape: [], data: Float32Array.of(3) };
    loadTorchState(model, new Map([...renamed(given, (key) => `lit.backbone.${key}`), ['step', scalar]]));
    expect(torchState(model)).to.deep.equal(given);
    model.dispose();
  });

  it('says in a few lines what does not fit', () => {
    const model = buildBackbone('mobilenetv1', { width: 0.125 });
    const other = stateOf('resnet20_cifar');
    let message = '';
    try {
      loadTorchState(model, other);
    } catch (error) {
      expect(error).to.be.instanceOf(WeightsMismatchError);
      message = (error as Error).message;
    }
    expect(message.length).to.be.below(600);
    expect(message).to.match(
      /missing: conv_stem\.weight, .*, and \d+ more of \d+\. Keys unexpected: conv1\.weight, .* more of \d+/,
    );
    model.dispose();
  });
});
