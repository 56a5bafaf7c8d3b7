/** All packages packed and installed outside of the repository, and used there: TypeScript, JavaScript, the command, a bundle for browsers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('packages that are installed', () => {
  let folder;
  const run = (program, ...args) => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const compileTypeScript = (file) => {
    const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', '--types', 'node'];
    run(join(root, 'node_modules/.bin/tsc'), ...options, file);
  };
  /** The last line, which programs of examples/installed write as JSON. */
  const answer = (output) => JSON.parse(output.trim().split('\n').at(-1));

  before(function () {
    if (process.env.REFCONV_LONG !== '1') {
      console.log('      installs 500 packages; REFCONV_LONG=1 does it');
      this.skip();
    }
    this.timeout(600_000);
    folder = mkdtempSync(join(tmpdir(), 'refconv-installed-'));
    const packed = ['pack', '-w', 'packages', '-w', 'reports', '--ignore-scripts', '--pack-destination', folder];
    execFileSync('npm', packed, { cwd: root, stdio: 'ignore' });
    const tarballs = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    // The compiler of the repository; types of Node are what programs on Node have.
    run(
      'npm',
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '@types/node@20',
      ...tarballs.map((file) => `./${file}`),
    );
    for (const file of ['own.ts', 'fast.ts', 'browser.mjs'])
      copyFileSync(`${root}examples/installed/${file}`, join(folder, file));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('refocus, train and merge an own network in TypeScript, without a cast', () => {
    const source = readFileSync(join(folder, 'own.ts'), 'utf8');
    expect(source).not.to.match(/ as |any\b/);
    compileTypeScript('own.ts');
    const { same, top1 } = answer(run(process.execPath, 'own.js'));
    expect(same).to.equal(true);
    expect(top1).to.be.within(0, 1);
  });

  it('compile a training step of a program of its own', () => {
    compileTypeScript('fast.ts');
    const { eager, compiled } = answer(run(process.execPath, 'fast.js'));
    expect(compiled.ms).to.be.above(0);
    // The second training goes on from the first.
    expect(compiled.loss).to.be.below(eager.loss);
  });

  it('work on plain TensorFlow.js, and in a bundle for browsers', () => {
    expect(answer(run(process.execPath, 'browser.mjs'))).to.deep.equal({ backend: 'cpu', shape: [1, 10] });
    const bundle = ['browser.mjs', '--bundle', '--format=esm', '--outfile=bundle.js', '--log-level=warning'];
    run(join(root, 'node_modules/.bin/esbuild'), ...bundle);
    expect(readFileSync(join(folder, 'bundle.js'), 'utf8')).not.to.match(/from ?["']node:|require\(["']node:/);
  });

  it('have the command', () => {
    expect(run('npx', 'refconv', 'info', '--backbone', 'mobilenetv1')).to.include('4,231,976');
  });
});
