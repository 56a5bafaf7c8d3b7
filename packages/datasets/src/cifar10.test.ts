import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { CIFAR10_CLASSES, type Cifar10Options, findCifar10, loadCifar10With } from './cifar10.js';
import type { ImageSplit } from './dataset.js';
import { errorOf, fakeFiles, RECORD, tarGz, temporaryFolder, writeFiles } from './test-data.js';

const RECORDS = 4;
const files = fakeFiles(RECORDS);

/** Straight from the description of the format. */
function expectSplit(split: ImageSplit, sources: (Uint8Array | undefined)[]): void {
  const bytes = Buffer.concat(sources.map((source) => source ?? new Uint8Array(0)));
  expect(split.count).to.equal(bytes.length / RECORD);
  for (let n = 0; n < split.count; n++) {
    expect(split.labels[n]).to.equal(bytes[n * RECORD]);
    for (const [y, x, c] of [
      [0, 0, 0],
      [0, 31, 1],
      [17, 5, 2],
      [31, 31, 2],
      [8, 30, 0],
    ]) {
      const expected = bytes[n * RECORD + 1 + c * 1024 + y * 32 + x];
      expect(split.images[((n * 32 + y) * 32 + x) * 3 + c], `image ${n}, ${y}, ${x}, ${c}`).to.equal(expected);
    }
  }
}

describe('CIFAR-10', () => {
  let folder: string;
  let environment: Record<string, string>;
  const load = (options: Cifar10Options = {}) => loadCifar10With(options, { environment, recordsPerFile: RECORDS });
  const make = (...path: string[]) => {
    mkdirSync(join(folder, ...path), { recursive: true });
    return join(folder, ...path);
  };

  beforeEach(() => {
    folder = temporaryFolder();
    environment = { REFCONV_DATA: join(folder, 'data'), REFCONV_CACHE: join(folder, 'cache') };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read from a folder of .bin files', async () => {
    writeFiles(make('given'), files);
    const log: string[] = [];
    const set = await load({ folder: join(folder, 'given'), log: (line) => log.push(line) });
    expectSplit(set.train, [...files.values()].slice(0, 5));
    expectSplit(set.test, [files.get('test_batch.bin')]);
    expect(set.classes).to.deep.equal(CIFAR10_CLASSES);
    expect([set.name, set.source]).to.deep.equal(['cifar10', join(folder, 'given')]);
    expect(log).to.deep.equal([`Reading CIFAR-10 from ${join(folder, 'given')}`]);
  });

  it('is read from a tar.gz without unpacking it, whatever the order of its files', async () => {
    const names = [...CIFAR10_CLASSES].reverse();
    const mixed = new Map<string, Uint8Array | string>([...files].reverse());
    mixed.set('readme.html', '<p>').set('batches.meta.txt', `${names.join('\n')}\n\n`);
    writeFileSync(join(make('data'), 'cifar-10-binary.tar.gz'), await tarGz(mixed));
    const set = await load();
    expectSplit(set.train, [...files.values()].slice(0, 5));
    expectSplit(set.test, [files.get('test_batch.bin')]);
    expect(set.classes).to.deep.equal(names);
    expect(set.source).to.equal(join(folder, 'data', 'cifar-10-binary.tar.gz'));
  });

  it('is looked for in the folder given alone, or in REFCONV_DATA and in the cache, in this order', async () => {
    expect(findCifar10({}, environment)).to.equal(undefined);
    const cached = join(make('cache', 'data'), 'cifar-10-binary.tar.gz');
    writeFileSync(cached, await tarGz(files));
    expect(findCifar10({}, environment), 'a wrong REFCONV_DATA').to.equal(undefined);
    make('data');
    expect(findCifar10({}, environment)).to.deep.equal({ kind: 'archive', path: cached });

    const inside = make('data', 'cifar-10-batches-bin');
    writeFiles(inside, files);
    expect(findCifar10({}, environment)).to.deep.equal({ kind: 'folder', path: inside });
    writeFiles(join(folder, 'data'), files);
    expect(findCifar10({}, environment)).to.deep.equal({ kind: 'folder', path: join(folder, 'data') });

    const given = make('given');
    expect(findCifar10({ folder: given }, environment)).to.equal(undefined);
    writeFiles(given, files);
    expect(findCifar10({ folder: given }, environment)).to.deep.equal({ kind: 'folder', path: given });
    expect(findCifar10({ folder: cached }, environment)).to.deep.equal({ kind: 'archive', path: cached });
  });

  it('says where it was looked for and how to get it', async () => {
    make('data');
    const given = await errorOf(load({ folder: join(folder, 'given'), download: true }));
    expect(given).to.contain(`${join(folder, 'given')} (the folder given, does not exist)`);
    expect(given).not.to.contain('REFCONV_DATA)');
    const message = await errorOf(load());
    expect(message).to.contain(`${join(folder, 'data')} (REFCONV_DATA)`);
    expect(message).to.contain(`${join(folder, 'cache', 'data')} (the cache, does not exist)`);
    expect(message).to.contain('download: true').and.contain('https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz');
    environment = { REFCONV_CACHE: join(folder, 'cache') };
    expect(await errorOf(load())).to.contain('REFCONV_DATA is not set');
  });

  it('names files that are missing, in a folder and in an archive', async () => {
    const some = new Map([...files].filter(([name]) => !/[25]/.test(name)));
    writeFiles(make('data'), some);
    const missing = "has 4 of CIFAR-10's 6 files; missing: data_batch_2.bin, data_batch_5.bin";
    expect(await errorOf(load())).to.contain(`${join(folder, 'data')} ${missing}`);
    const archive = join(folder, 'some.tar.gz');
    writeFileSync(archive, await tarGz(some));
    expect(await errorOf(load({ folder: archive }))).to.contain(`${archive} ${missing}`);
  });

  const wrongFiles: [string, string, (bytes: Uint8Array) => Uint8Array | string, string[]][] = [
    [
      'cut off',
      'data_batch_3.bin',
      (bytes) => bytes.subarray(0, 5000),
      ['data_batch_3.bin has 5000 bytes; expected 12292 (4 records of 3073)', 'It is cut off'],
    ],
    [
      'a record short',
      'test_batch.bin',
      (bytes) => bytes.subarray(RECORD),
      ['test_batch.bin has 9219 bytes; expected 12292', 'It has 3 records'],
    ],
    ['empty', 'data_batch_1.bin', () => '', ['data_batch_1.bin has 0 bytes']],
    [
      'with a label above 9',
      'data_batch_5.bin',
      (bytes) => bytes.map((value, i) => (i === 2 * RECORD ? 10 : value)),
      ['data_batch_5.bin, record 2 (from 0): label 10 given, expected 0 to 9'],
    ],
    ['of nine class names', 'batches.meta.txt', () => 'name\n'.repeat(9), ['has 9 class names, expected 10']],
  ];
  for (const [what, name, change, messages] of wrongFiles) {
    it(`refuses a file ${what}, in a folder and in an archive`, async () => {
      const changed = new Map<string, Uint8Array | string>(files);
      changed.set(name, change(files.get(name) ?? new Uint8Array(0)));
      writeFiles(make('data'), changed);
      const archive = join(folder, 'changed.tar.gz');
      writeFileSync(archive, await tarGz(changed));
      for (const place of [join(folder, 'data'), archive]) {
        const error = await errorOf(load({ folder: place }));
        for (const message of [place, ...messages]) expect(error).to.contain(message);
      }
    });
  }

  it('refuses what is not a readable tar.gz', async () => {
    const archive = join(folder, 'file.tar.gz');
    const whole = await tarGz(files);
    const damage: [string, () => void][] = [
      ['unexpected end of file', () => truncateSync(archive, whole.length >> 1)],
      ['incorrect header check', () => writeFileSync(archive, '<html>not found</html>')],
      ['incorrect data check', () => writeFileSync(archive, readFileSync(archive).fill(1, whole.length - 8))],
    ];
    for (const [reason, damageIt] of damage) {
      writeFileSync(archive, whole);
      damageIt();
      const message = await errorOf(load({ folder: archive }));
      expect(message).to.contain(`${archive} cannot be read as a tar.gz: ${reason}`).and.contain('download it again');
    }
  });

  it('is downloaded into the cache only when asked for', async () => {
    const archive = await tarGz(files);
    const md5 = createHash('md5').update(archive).digest('hex');
    const server = createServer((_, response) => response.end(archive));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cifar-10-binary.tar.gz`;
      const internals = { environment, recordsPerFile: RECORDS, address: { url, md5 } };
      expect(await errorOf(loadCifar10With({}, internals))).to.contain('was not found');
      expect(await errorOf(loadCifar10With({ download: true }, internals))).to.contain('REFCONV_DATA, does not exist');
      make('data');
      const log: string[] = [];
      const set = await loadCifar10With({ download: true, log: (line) => log.push(line) }, internals);
      expectSplit(set.test, [files.get('test_batch.bin')]);
      expect(set.source).to.equal(join(folder, 'cache', 'data', 'cifar-10-binary.tar.gz'));
      expect(log[0]).to.equal(`CIFAR-10 was found nowhere; downloading it from ${url}`);
    } finally {
      server.close();
    }
    expect((await load()).train.count, 'from the cache, with the server gone').to.equal(20);
  });
});
