import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startData, subset } from './data.js';

describe('the images of npm start', () => {
  it('are the synthetic ones where CIFAR-10 is not found, and it says so', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'refconv-start-'));
    const { REFCONV_DATA, XDG_CACHE_HOME, REFCONV_CACHE } = process.env;
    const lines: string[] = [];
    try {
      Object.assign(process.env, { XDG_CACHE_HOME: empty, REFCONV_CACHE: empty });
      delete process.env.REFCONV_DATA;
      const { data, mean } = await startData({ images: 70, download: false, log: (line) => lines.push(line) });
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

  it('are different ones at random, each with its label', () => {
    const labels = Uint8Array.from({ length: 20 }, (_, i) => i);
    const split = { images: labels.slice(), labels, count: 20, height: 1, width: 1, channels: 1 };
    const { images, labels: chosen, count } = subset(split, 8);
    expect([count, images.length, new Set(chosen).size]).to.deep.equal([8, 8, 8]);
    expect([...images]).to.deep.equal([...chosen]);
    expect([...chosen]).not.to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(() => subset(split, 21)).to.throw('There are 20 training images; given --images 21.');
  });
});
