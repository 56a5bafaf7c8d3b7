import { expect } from 'chai';
import { nearest, Registry, registered } from './registry.js';

describe('a registry', () => {
  const colours = () => new Registry<number>('colour', { red: 1, green: 2 });

  it('has its own entries and those that are registered, in this order', () => {
    const registry = colours();
    const before = registered().length;
    registry.register('light-blue', 3);
    expect(registry.ids()).to.deep.equal(['red', 'green', 'light-blue']);
    expect(registry.entries().at(-1)).to.deep.equal(['light-blue', 3]);
    expect([registry.get('light-blue'), registry.find('red'), registry.find('pink')]).to.deep.equal([3, 1, undefined]);
    expect(registered().slice(before)).to.deep.equal([{ kind: 'colour', id: 'light-blue' }]);
  });

  it('refuses what is there already, and what is no id', () => {
    const registry = colours();
    expect(() => registry.register('red', 4)).to.throw(RangeError, "The colour 'red' is registered already; choose");
    for (const id of ['', '2', 'a b', 'a:b', '-a'])
      expect(() => registry.register(id, 4)).to.throw(RangeError, 'letter');
    expect(registry.ids()).to.deep.equal(['red', 'green']);
  });

  it('names the nearest for what is not there, or all', () => {
    const registry = colours();
    expect(() => registry.get('Gren')).to.throw(RangeError, "There is no colour 'Gren'. Did you mean green?");
    expect(() => registry.get('turquoise')).to.throw(RangeError, 'There are: red, green.');
    for (const id of ['toString', '__proto__', 'constructor']) expect(registry.find(id)).to.equal(undefined);
    expect(nearest('bat', ['cat', 'bar', 'elephant'])).to.deep.equal(['cat', 'bar']);
    expect(nearest('bat', [])).to.deep.equal([]);
  });
});
