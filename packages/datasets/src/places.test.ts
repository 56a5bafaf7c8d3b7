import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { cacheFolder, dataPlaces } from './places.js';

describe('cacheFolder', () => {
  it('is REFCONV_CACHE, else below XDG_CACHE_HOME, else below the home folder', () => {
    expect(cacheFolder({ REFCONV_CACHE: '/a', XDG_CACHE_HOME: '/b' })).to.equal(resolve('/a'));
    expect(cacheFolder({ REFCONV_CACHE: '', XDG_CACHE_HOME: '/b' })).to.equal(join('/b', 'refconv'));
    for (const environment of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }]) {
      expect(cacheFolder(environment)).to.equal(join(homedir(), '.cache', 'refconv'));
    }
  });
});

describe('dataPlaces', () => {
  it('lists the folder given, REFCONV_DATA and the cache, in this order', () => {
    const paths = dataPlaces('/given', { REFCONV_DATA: '/data', REFCONV_CACHE: '/cache' }).map(({ path }) => path);
    expect(paths).to.deep.equal([resolve('/given'), resolve('/data'), join(resolve('/cache'), 'data')]);
    expect(dataPlaces(undefined, { REFCONV_CACHE: '/cache' })).to.deep.equal([
      { path: join(resolve('/cache'), 'data'), reason: 'the cache' },
    ]);
  });
});
