import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { removeLeftovers } from './leftovers.js';
import { messageOf } from './testing.js';
import { appendWhole, makeFolder, requireWritable, writeAtomically, writeWhole } from './write.js';

/** A test in a folder of its own. */
const inFolder = (test: (folder: string) => Promise<void>) => async () => {
  const folder = await mkdtemp(join(tmpdir(), 'refconv-files-'));
  await test(folder).finally(() => rm(folder, { recursive: true }));
};

describe('writeWhole', () => {
  const text = (content: string) => (path: string) => writeFile(path, content);

  it(
    'replaces nothing unless told to, and then all of it',
    inFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeWhole(file, {}, text('old'));
      expect(await messageOf(writeWhole(file, {}, text('new')))).to.match(/is there already.*replace: true/);
      expect(await readFile(file, 'utf8')).to.equal('old');
      await writeWhole(file, { replace: true }, text('new'));
      expect(await readFile(file, 'utf8')).to.equal('new');

      const inside = join(folder, 'folder');
      await mkdir(inside);
      const withFile = (name: string) => async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, name), name);
      };
      await writeWhole(inside, {}, withFile('a'));
      expect(await messageOf(writeWhole(inside, {}, withFile('b')))).to.match(/is there already/);
      await writeWhole(inside, { replace: true }, withFile('b'));
      expect(await readdir(inside)).to.deep.equal(['b']);
      expect(await readdir(folder)).to.have.members(['file', 'folder']);
    }),
  );

  it(
    'stays as it was where the writing fails, with nothing left beside it',
    inFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeWhole(file, {}, text('old'));
      const failing = async (path: string) => {
        await writeFile(path, 'half');
        throw new Error('The disk is full.');
      };
      const message = await messageOf(writeWhole(file, { replace: true }, failing));
      expect(message).to.equal(`Writing ${file} failed: The disk is full.`);
      expect(await readFile(file, 'utf8')).to.equal('old');
      expect(await readdir(folder)).to.deep.equal(['file']);
    }),
  );

  it(
    'cannot be where a file stands in its path',
    inFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      expect(await messageOf(writeWhole(join(file, 'model'), {}, text('')))).to.match(
        /^Making the folder .*file failed: a file is in its place/,
      );
    }),
  );
});

describe('writeAtomically and appendWhole', () => {
  it(
    'race without harm: the file is always one of the writers’ own',
    inFolder(async (folder) => {
      const file = join(folder, 'file');
      const text = (i: number) => String(i).repeat(50_000);
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          await writeAtomically(file, [text(i)]);
          expect(await readFile(file, 'utf8')).to.match(/^(\d)\1{49999}$/);
        }),
      );
      expect(await readdir(folder)).to.deep.equal(['file']);
    }),
  );

  it(
    'take away what a killed writer left, and nothing that another is writing',
    inFolder(async (folder) => {
      const file = join(folder, 'file');
      const child = spawnSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' });
      const name = (pid: string | number, host: string) => `.file.${pid}@${host}.0123abcd.unfinished`;
      const left = name(child.stdout.trim(), hostname());
      const others = [name(process.pid, hostname()), name(1, 'elsewhere'), '.other.1@elsewhere.0123abcd.unfinished'];
      for (const each of [left, ...others]) await writeFile(join(folder, each), 'half');
      await writeAtomically(file, ['whole']);
      expect(await readdir(folder)).to.have.members(['file', ...others]);
    }),
  );

  it(
    'on a disk that is full say so, and leave what was there',
    inFolder(async (folder) => {
      const full = join(folder, 'full');
      await symlink('/dev/full', full);
      expect(await messageOf(appendWhole(full, 'a row'))).to.match(
        /^Writing .*full failed: the disk is full; free some space/,
      );
    }),
  );
});

describe('removeLeftovers', () => {
  it(
    'gives a folder back that was moved out of the way of one that never came',
    inFolder(async (folder) => {
      const gone = spawnSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout.trim();
      const left = (name: string, ending: string) => join(folder, `.${name}.${gone}@${hostname()}.0123abcd.${ending}`);
      for (const path of [left('a', 'old'), left('a', 'unfinished'), left('b', 'old'), join(folder, 'b')]) {
        await mkdir(path);
        await writeFile(join(path, 'content'), path);
      }
      await removeLeftovers(folder);
      expect(await readdir(folder)).to.have.members(['a', 'b']);
      expect(await readFile(join(folder, 'a', 'content'), 'utf8')).to.equal(left('a', 'old'));
      expect(await readFile(join(folder, 'b', 'content'), 'utf8')).to.equal(join(folder, 'b'));
    }),
  );
});

describe('folders', () => {
  it(
    'are made with those around them, and by several at once',
    inFolder(async (folder) => {
      const deep = join(folder, 'a', 'b', 'c');
      await Promise.all([makeFolder(deep), makeFolder(deep), requireWritable(join(folder, 'a', 'b'))]);
      await makeFolder(deep);
      expect(await readdir(join(folder, 'a', 'b'))).to.deep.equal(['c']);
    }),
  );

  it(
    'that cannot be made or written are refused at once, with the reason',
    inFolder(async (folder) => {
      await writeFile(join(folder, 'file'), '');
      for (const make of [makeFolder, requireWritable]) {
        expect(await messageOf(make(join(folder, 'file', 'x', 'y')))).to.match(
          /Making the folder .* a part of its path is a file/,
        );
        expect(await messageOf(make(join(folder, 'file')))).to.match(/a file is in its place/);
        await symlink('circle', join(folder, 'circle')).catch(() => undefined);
        expect(await messageOf(make(join(folder, 'circle', 'x')))).to.match(/Making the folder .* failed: .*ELOOP/);
        if (process.platform === 'linux')
          expect(await messageOf(make('/proc/x/y'))).to.match(/Making the folder \/proc\/x\/y failed/);
      }
      if (process.platform === 'linux')
        expect(await messageOf(requireWritable('/proc'))).to.match(/Writing in \/proc failed/);
    }),
  );
});
