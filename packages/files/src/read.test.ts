import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCsv, readCsvLines, wholeLines } from './csv.js';
import { canonicalJson, hashOf, readJson, shown } from './json.js';
import { openFileSync, readBytes, readText } from './read.js';
import { messageOf, temporaryFolder } from './testing.js';

describe('readers', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder, 'file');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('read files alone, without waiting for anybody', async () => {
    const [fifo, device] = [join(folder, 'fifo'), join(folder, 'device')];
    execFileSync('mkfifo', [fifo]);
    symlinkSync('/dev/zero', device);
    const kinds = { [fifo]: 'a FIFO', [device]: 'a device', [folder]: 'a folder' };
    for (const [special, kind] of Object.entries(kinds)) {
      expect(await messageOf(readBytes(special))).to.equal(`${special} is ${kind}; expected a file. Move it away.`);
      expect(() => openFileSync(special)).to.throw(`is ${kind}; expected a file`);
    }
    writeFileSync(path, '12345');
    expect(await readText(path)).to.equal('12345');
    expect(await messageOf(readBytes(path, 4))).to.match(/has 5 bytes; at most 4 are read/);
    const missing = await readBytes(join(folder, 'none')).catch((error: NodeJS.ErrnoException) => error.code);
    expect(missing).to.equal('ENOENT');
    const full = join(folder, 'none');
    expect(await messageOf(readBytes(full))).to.equal(`There is no file ${full}.`);
    expect(await messageOf(readText('none.json'))).to.equal(
      `There is no file none.json (looked for ${join(process.cwd(), 'none.json')}).`,
    );
    expect(() => openFileSync(full)).to.throw(`There is no file ${full}.`);
  });

  it('read files above 2 GiB', async function () {
    // It takes as much memory.
    if (process.env.REFCONV_LONG !== '1') this.skip();
    const size = 2 ** 31 + 10;
    writeFileSync(path, '');
    truncateSync(path, size);
    const bytes = await readBytes(path);
    expect([bytes.length, bytes[size - 1]]).to.deep.equal([size, 0]);
  });

  it('of JSON name the file and the remedy', async () => {
    expect(await readJson(path)).to.equal(undefined);
    writeFileSync(path, '{"a": [1, "}\\"{"]}');
    expect(await readJson(path)).to.deep.equal({ a: [1, '}"{'] });
    for (const damaged of ['', '{"a": 1', '\0\0\0', '['.repeat(201) + ']'.repeat(201)]) {
      writeFileSync(path, damaged);
      const message = await messageOf(readJson(path, 'delete it'));
      expect(message, damaged.slice(0, 9)).to.match(/file is damaged \(.*\); delete it\.$/);
      expect(message).not.to.contain('\0');
    }
  });

  it('of CSV leave a torn last line out, and name what is damaged', async () => {
    expect(await readCsv(path)).to.equal(undefined);
    const text = 'a,b\n1,"x\ny"\n2,z\n';
    for (let cut = 0; cut < text.length; cut++) {
      writeFileSync(path, text.slice(0, cut));
      const lines = await readCsvLines(path);
      expect(lines?.length, String(cut)).to.equal([3, 11, 15].filter((end) => end < cut).length);
    }
    writeFileSync(path, text);
    expect(await readCsv(path)).to.deep.equal([
      { a: '1', b: 'x\ny' },
      { a: '2', b: 'z' },
    ]);
    expect(wholeLines('"a\nb')).to.equal('');
    writeFileSync(path, 'a,b\n1,2\n3\n');
    expect(await messageOf(readCsv(path, 'make it anew'))).to.match(
      /file is damaged \(row 2 has 1 columns, its header 2\); make it anew\.$/,
    );
    writeFileSync(path, 'a,b\n1"2,3\n4,5\n');
    expect(await messageOf(readCsv(path, 'make it anew'))).to.match(/file is damaged \(.*\); make it anew\.$/);
    mkdirSync(join(folder, 'sub'));
    expect(await messageOf(readCsv(join(folder, 'sub')))).to.match(/is a folder; expected a file/);
  });

  it('show texts of others short and harmless', () => {
    expect(shown('a\nb\u2028"')).to.equal('"a\\nb\\u2028\\""');
    expect(shown('x'.repeat(1e6)).length).to.be.below(90);
  });

  it('hash values whatever the order of their entries', () => {
    const value = { b: [1, { d: null, c: 'x' }], a: undefined };
    expect(canonicalJson(value)).to.equal('{"b":[1,{"c":"x","d":null}]}');
    expect(hashOf({ a: 1, b: 2 })).to.equal(hashOf({ b: 2, a: 1 }));
  });
});
