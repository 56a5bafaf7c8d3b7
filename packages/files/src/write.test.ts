import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { messageOf } from './testing.js';
import { writeWhole } from './write.js';

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
