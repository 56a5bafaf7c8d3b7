import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { dataPlaces } from './places.js';

describe('dataPlaces', () => {
  it('lists the folder given, REFCONV_DATA and the cache, in this order', () => {
    const paths = dataPlaces('/given', { REFCONV_DATA: '/data', REFCONV_CACHE: '/cache' }).map(({ path }) => path);
    expect(paths).to.deep.equal([resolve('/given'), resolve('/data'), join(resolve('/cache'), 'data')]);
    expect(dataPlaces(undefined, { REFCONV_CACHE: '/cache' })).to.deep.equal([
      { path: join(resolve('/cache'), 'data'), reason: 'the cache' },
    ]);
  });
});
