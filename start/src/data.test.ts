import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startData, withImages } from './data.js';

describe('the images of npm start', () => {
  it('are the synthetic ones where CIFAR-10 is not found, and it says so', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'refconv-start-'));
    const { REFCONV_DATA, XDG_CACHE_HOME, REFCONV_CACHE } = process.env;
    const lines: string[] = [];
    try {
      Object.assign(process.env, { XDG_CACHE_HOME: empty, REFCONV_CACHE: empty });
      delete process.env.REFCONV_DATA;
      const all = await startData({ download: false, log: (line) => lines.push(line) });
      const { data, mean } = withImages(all, 70);
      expect(() => withImages(all, 10_001)).to.throw('There are 10000 training images; given --images 10001.');
      expect([data.name, data.train.count, data.test.count]).to.deep.equal(['synthetic', 70, 2000]);
      expect(mean).to.have.lengthOf(3);
    } finally {
      for (const [name, value] of Object.entries({ REFCONV_DATA, XDG_CACHE_HOME, REFCONV_CACHE })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      rmSync(empty, { recursive: true });
    }
    expect(lines.join()).to.contain('CIFAR-10 was not found');
  });
});
