import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tf } from '@refconv/tensorflow';
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { writeWhole } from './files.js';
import { exportLayersModel } from './layersModel.js';
import { images, inFolder, messageOf, smallBackbone } from './testing/models.js';

describe('exportLayersModel', () => {
  it(
    'writes what tf.loadLayersModel reads, bit by bit',
    inFolder(async (folder) => {
      const model = smallBackbone('mobilenetv1');
      await exportLayersModel(model, join(folder, 'new', 'model'));
      expect(await readdir(join(folder, 'new'))).to.deep.equal(['model']);
      const loaded = await tf.loadLayersModel(`file://${join(folder, 'new', 'model', 'model.json')}`);
      tf.tidy(() => {
        const x = images(model, 2);
        const [wanted, found] = [model, loaded].map((each) => (each.predict(x) as Tensor).arraySync());
        expect(found).to.deep.equal(wanted);
      });
      model.dispose();
      loaded.dispose();
    }),
  );
});

describe('what is written', () => {
  const text = (content: string) => (path: string) => writeFile(path, content);

  it(
    'replaces nothing unless told to, and then all of it',
    inFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeWhole(file, {}, text('old'));
      expect(await messageOf(writeWhole(file, {}, text('new')))).to.match(/is there already.*overwrite: true/);
      expect(await readFile(file, 'utf8')).to.equal('old');
      await writeWhole(file, { overwrite: true }, text('new'));
      expect(await readFile(file, 'utf8')).to.equal('new');

      const inside = join(folder, 'folder');
      await mkdir(inside);
      const withFile = (name: string) => async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, name), name);
      };
      await writeWhole(inside, {}, withFile('a'));
      expect(await messageOf(writeWhole(inside, {}, withFile('b')))).to.match(/is there already/);
      await writeWhole(inside, { overwrite: true }, withFile('b'));
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
      const message = await messageOf(writeWhole(file, { overwrite: true }, failing));
      expect(message).to.equal(`${file} cannot be written. The disk is full.`);
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
        /cannot be written. (ENOTDIR|EEXIST)/,
      );
    }),
  );
});
