import { expect } from 'chai';
import { withSettings } from './settings.js';

describe('--set', () => {
  const preset = { recipe: { epochs: 2, augment: { crop: 4, flip: true } }, seeds: [1], name: 'cifar10' };

  it('sets entries at any depth, with JSON or else text as values, in a copy', () => {
    const set = ['recipe.epochs=3', 'seeds=[1,2]', 'name=imagenet', 'recipe.augment.flip=false', 'data.train=10'];
    expect(withSettings(preset, set)).to.deep.equal({
      recipe: { epochs: 3, augment: { crop: 4, flip: false } },
      seeds: [1, 2],
      name: 'imagenet',
      data: { train: 10 },
    });
    expect(preset.recipe.epochs).to.equal(2);
    expect(withSettings(preset, ['name=a=b', 'recipe.epochs=null'])).to.deep.include({ name: 'a=b' });
    expect(withSettings(preset, ['name=1', 'name=2'])).to.deep.include({ name: 2 });
  });

  it('refuses what is no assignment, and paths that lead through a value', () => {
    for (const wrong of ['recipe.epochs', '=3', 'recipe..epochs=3', '.epochs=3', 'epochs.=3', '']) {
      expect(() => withSettings(preset, [wrong]), wrong).to.throw(RangeError, 'expected path=value');
    }
    expect(() => withSettings(preset, ['name.first=a'])).to.throw(RangeError, /name has no entries.*"cifar10"/);
  });

  it('sets an entry of a list by its number alone', () => {
    expect(withSettings({ seeds: [1, 2] }, ['seeds.1=3'])).to.deep.equal({ seeds: [1, 3] });
    for (const wrong of ['seeds.first=3', 'seeds.id.x=3', 'seeds.-1=3'])
      expect(() => withSettings(preset, [wrong]), wrong).to.throw(RangeError, /seeds is a list; give it whole/);
  });

  it('cannot reach the prototype', () => {
    for (const path of ['__proto__.polluted', 'recipe.__proto__.polluted', 'constructor.prototype.polluted']) {
      expect(() => withSettings(preset, [`${path}=1`]), path).to.throw(RangeError, 'cannot be set');
    }
    expect(() => withSettings(preset, ['recipe={"__proto__":{"polluted":1}}'])).to.throw(
      RangeError,
      /__proto__ cannot/,
    );
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
  });
});
