import { expect } from 'chai';
import { differences } from './differences.js';

describe('differences', () => {
  it('are entries by their paths; lists are wholes, and the order of entries is none', () => {
    const before = { a: 1, list: [{ x: 1, y: 2 }], nested: { b: null, gone: 3 } };
    expect(differences(before, { nested: { gone: 3, b: null }, list: [{ y: 2, x: 1 }], a: 1 })).to.deep.equal([]);
    expect(differences(before, { a: 1, list: [{ x: 1 }], nested: { b: { c: 2 } } })).to.deep.equal([
      { path: 'list', before: [{ x: 1, y: 2 }], after: [{ x: 1 }] },
      { path: 'nested.b', before: null, after: { c: 2 } },
      { path: 'nested.gone', before: 3, after: undefined },
    ]);
  });
});
