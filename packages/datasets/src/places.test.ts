import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { dataPlaces } from './places.js';

describe('dataPlaces', () => {
  it('lists the folder given alone, or else REFCONV_DATA, which must exist, and the cache', () => {
    const paths = (folder: string | undefined, data?: string) =>
      dataPlaces(folder, { ...(data && { REFCONV_DATA: data }), REFCONV_CACHE: '/cache' }).map(({ path }) => path);
    const cache = join(resolve('/cache'), 'data');
    expect(paths('/given', tmpdir())).to.deep.equal([resolve('/given')]);
    expect(paths(undefined, tmpdir())).to.deep.equal([resolve(tmpdir()), cache]);
    expect(paths(undefined, '/nowhere/at/all')).to.deep.equal([resolve('/nowhere/at/all')]);
    expect(dataPlaces(undefined, { REFCONV_CACHE: '/cache' })).to.deep.equal([{ path: cache, reason: 'the cache' }]);
  });
});
