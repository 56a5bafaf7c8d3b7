import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { temporaryFolder } from '../test-data.js';
import { tarIndex } from './tarIndex.js';

const CLASSES = 1000;
const PER_CLASS = 1280;

/** A header of a regular file, ustar. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write('0000644\0', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('        0', 148);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((a, b) => a + b, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

describe('a tar of 1.28 million images (REFCONV_LONG=1; 1.3 GB of disk)', () => {
  it('is indexed in under a minute of processor time, and its index loads in under a second and 200 MB', async function () {
    if (!process.env.REFCONV_LONG) this.skip();
    this.timeout(900_000);
    const folder = temporaryFolder();
    try {
      const path = join(folder, 'train.tar');
      const file = openSync(path, 'w');
      for (let c = 0; c < CLASSES; c++) {
        const wnid = `n${String(c).padStart(8, '0')}`;
        const blocks: Buffer[] = [];
        for (let i = 0; i < PER_CLASS; i++) blocks.push(header(`${wnid}_${i}.JPEG`, 5), Buffer.alloc(512, i & 255));
        const inner = Buffer.concat([...blocks, Buffer.alloc(1024)]);
        writeSync(file, Buffer.concat([header(`${wnid}.tar`, inner.length), inner]));
      }
      writeSync(file, Buffer.alloc(1024));
      closeSync(file);

      const cpu = process.cpuUsage();
      const built = await tarIndex(path);
      const { user, system } = process.cpuUsage(cpu);
      expect((user + system) / 1e6).to.be.below(60);
      expect([built.count, built.groups.length]).to.deep.equal([CLASSES * PER_CLASS, CLASSES]);

      const size = statSync(`${path}.index`).size;
      const before = process.memoryUsage();
      const begin = process.cpuUsage();
      const loaded = await tarIndex(path);
      const spent = process.cpuUsage(begin);
      const after = process.memoryUsage();
      expect((spent.user + spent.system) / 1e6).to.be.below(1);
      // The file's bytes as they are read, and the columns made of them.
      expect(2 * size).to.be.below(200e6);
      expect(after.rss - before.rss).to.be.below(200e6);
      expect(loaded).to.deep.equal(built);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
