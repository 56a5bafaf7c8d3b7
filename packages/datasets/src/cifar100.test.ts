import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CIFAR100_CLASSES, findCifar100, loadCifar100With } from './cifar100.js';
import { errorOf, tarGz, temporaryFolder } from './test-data.js';

const RECORDS = 5;
const RECORD = 3074;

/** Coarse label, fine label, pixels. */
function records(seed: number): Uint8Array {
  const bytes = Uint8Array.from({ length: RECORDS * RECORD }, (_, i) => (i * 5 + seed) & 255);
  for (let r = 0; r < RECORDS; r++) bytes.set([r % 20, (97 + r + seed) % 100], r * RECORD);
  return bytes;
}

describe('CIFAR-100', () => {
  const files = new Map<string, Uint8Array | string>([
    ['train.bin', records(0)],
    ['test.bin', records(1)],
  ]);
  let folder: string;
  let environment: Record<string, string>;
  const load = () => loadCifar100With({}, { environment, recordsPerFile: RECORDS });
  const write = (all: ReadonlyMap<string, Uint8Array | string>) => {
    mkdirSync(join(folder, 'cifar-100-binary'), { recursive: true });
    for (const [name, bytes] of all) writeFileSync(join(folder, 'cifar-100-binary', name), bytes);
  };

  beforeEach(() => {
    folder = temporaryFolder();
    environment = { REFCONV_DATA: folder, REFCONV_CACHE: join(folder, 'cache') };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has a hundred names in the order of the alphabet', () => {
    expect(CIFAR100_CLASSES).to.have.length(100);
    expect([...new Set(CIFAR100_CLASSES)].sort()).to.deep.equal(CIFAR100_CLASSES);
  });

  it('is read with its fine labels, from a folder and from the tar.gz', async () => {
    const check = async () => {
      const set = await load();
      expect([set.name, set.train.count, set.test.count]).to.deep.equal(['cifar100', RECORDS, RECORDS]);
      expect([...set.train.labels]).to.deep.equal([97, 98, 99, 0, 1]);
      expect([...set.test.labels]).to.deep.equal([98, 99, 0, 1, 2]);
      const bytes = files.get('train.bin') as Uint8Array;
      // Image 2, row 3, column 4: red, green, blue.
      const at = 2 * RECORD + 2 + 3 * 32 + 4;
      const pixel = ((2 * 32 + 3) * 32 + 4) * 3;
      expect([...set.train.images.slice(pixel, pixel + 3)]).to.deep.equal([
        bytes[at],
        bytes[at + 1024],
        bytes[at + 2048],
      ]);
      return set;
    };
    writeFileSync(join(folder, 'cifar-100-binary.tar.gz'), await tarGz(files));
    expect(findCifar100({}, environment)?.kind).to.equal('archive');
    await check();
    write(files);
    expect(findCifar100({}, environment)?.kind).to.equal('folder');
    expect((await check()).classes).to.deep.equal(CIFAR100_CLASSES);
  });

  it('names what is missing or damaged', async () => {
    expect(await errorOf(load()))
      .to.contain('CIFAR-100 was not found')
      .and.contain('161 MiB');
    write(new Map([...files].slice(0, 1)));
    expect(await errorOf(load())).to.contain("has 1 of CIFAR-100's 2 files; missing: test.bin");
    const wrong = records(1);
    wrong[RECORD + 1] = 100;
    write(new Map([...files, ['test.bin', wrong]]));
    expect(await errorOf(load())).to.contain('test.bin, record 1 (from 0): label 100 given, expected 0 to 99');
    write(new Map([['test.bin', wrong.subarray(1)]]));
    expect(await errorOf(load())).to.contain('not a CIFAR-100 binary file');
  });
});
