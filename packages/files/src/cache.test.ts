import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { cacheFolder } from './cache.js';

describe('cacheFolder', () => {
  it('is REFCONV_CACHE, else below XDG_CACHE_HOME, else below the home folder', () => {
    expect(cacheFolder({ REFCONV_CACHE: '/a', XDG_CACHE_HOME: '/b' })).to.equal(resolve('/a'));
    expect(cacheFolder({ REFCONV_CACHE: '', XDG_CACHE_HOME: '/b' })).to.equal(join('/b', 'refconv'));
    for (const environment of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }]) {
      expect(cacheFolder(environment)).to.equal(join(homedir(), '.cache', 'refconv'));
    }
  });
});
