/** What is published of each package: whole, without tests, with types that resolve, and nothing that is private. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { expect } from 'chai';
import { publint } from 'publint';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = [...readdirSync(`${root}packages`).map((name) => `packages/${name}`), 'reports'];
const read = (folder) => JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8'));
const published = new Set(folders.map((folder) => read(folder).name));

/** Packages are of ES modules alone, and none of their parts is for a resolution that knows no `exports`. */
const KNOWN = new Set(['CJSResolvesToESM', 'NoResolution']);

describe('a package as it is published', () => {
  let packed;
  before(() => {
    packed = mkdtempSync(join(tmpdir(), 'refconv-packed-'));
  });
  after(() => rmSync(packed, { recursive: true, force: true }));

  for (const folder of folders) {
    const manifest = read(folder);
    it(`${manifest.name} has what it needs, and nothing else`, async () => {
      expect(manifest).to.include.keys('description', 'license', 'engines', 'sideEffects', 'files');
      expect(manifest).not.to.have.property('private');
      const used = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
      expect(used.filter((name) => name.startsWith('@refconv/') && !published.has(name))).to.deep.equal([]);
      // One TensorFlow.js for a program and all that it uses; the command is a program.
      if (manifest.name !== '@refconv/cli')
        expect(manifest.dependencies ?? {}).not.to.have.property('@tensorflow/tfjs');
      expect(readFileSync(`${root}${folder}/LICENSE`, 'utf8')).to.equal(readFileSync(`${root}LICENSE`, 'utf8'));

      const [tarball] = JSON.parse(
        execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', packed], {
          cwd: `${root}${folder}`,
          stdio: ['ignore', 'pipe', 'ignore'],
        }),
      );
      const paths = tarball.files.map(({ path }) => path);
      expect(paths).to.include.members(['LICENSE', 'README.md', 'package.json']);
      expect(paths.filter((path) => /\.test\.|testing|\.map$|^src\//.test(path))).to.deep.equal([]);
      const { messages } = await publint({ pkgDir: `${root}${folder}`, level: 'warning', pack: false });
      expect(messages).to.deep.equal([]);
      if (!manifest.exports) return;
      const data = readFileSync(join(packed, tarball.filename));
      const { problems = [] } = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
      expect(problems.filter(({ kind }) => !KNOWN.has(kind))).to.deep.equal([]);
    });
  }
});

describe('the commands of the repository', () => {
  it('make a fresh clone ready first, where a page tells a newcomer to run them', () => {
    const { scripts } = read('.');
    const pages = [
      'README.md',
      ...readdirSync(`${root}docs`)
        .filter((file) => file.endsWith('.md'))
        .map((file) => `docs/${file}`),
    ];
    const text = pages.map((page) => readFileSync(`${root}${page}`, 'utf8')).join('\n');
    const told = new Set(
      [...text.matchAll(/npm (?:run )?([a-z][a-z:]*)/g)].map(([, name]) => name).filter((name) => name in scripts),
    );
    expect([...told]).to.include.members(['start', 'test', 'build', 'pack', 'report', 'docs', 'doctor', 'bench']);
    for (const name of told) expect(scripts[name], name).to.match(/^(node scripts\/prepare\.mjs|npm run build) ?/);
  });
});
