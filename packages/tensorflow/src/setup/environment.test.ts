import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkPlatform, findProgram, nvidiaDriver, wish } from './environment.js';
import { SetupError } from './errors.js';
import { fromFolder } from './plan.js';

describe("the set-up's environment", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-environment-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('names the TensorFlow', () => {
    expect(wish({ REFCONV_TENSORFLOW: 'cpu' })).to.deep.equal({ flavour: 'cpu' });
    expect(wish({ REFCONV_TENSORFLOW: 'cuda' })).to.deep.equal({ flavour: 'cuda' });
    expect(wish({ REFCONV_TENSORFLOW: 'prebuilt' })).to.deep.equal({ flavour: 'prebuilt' });
    expect(wish({ REFCONV_TENSORFLOW: folder })).to.deep.equal({ flavour: 'folder', folder });
    expect(() => wish({ REFCONV_TENSORFLOW: 'gpu' })).to.throw(
      SetupError,
      '"gpu", which is neither a flavour nor a folder',
    );
  });

  it('takes CUDA where there is an NVIDIA driver, else the CPU', () => {
    const env = { PATH: '', LD_LIBRARY_PATH: folder };
    expect(wish(env).flavour).to.equal(nvidiaDriver(env) ? 'cuda' : 'cpu');
    writeFileSync(join(folder, 'libcuda.so.1'), '');
    expect(wish(env)).to.deep.equal({ flavour: 'cuda' });
  });

  it('says what a folder without TensorFlow lacks', () => {
    expect(() => fromFolder(folder)).to.throw(SetupError, 'does not hold a TensorFlow to link to');
  });

  it('finds programs', () => {
    expect(findProgram('sh', { PATH: '/nowhere:/bin' })).to.equal('/bin/sh');
    expect(findProgram('/bin/sh', { PATH: '' })).to.equal('/bin/sh');
    expect(findProgram('sh', { PATH: '' })).to.equal(undefined);
    expect(findProgram('bin', { PATH: '/' }), 'a folder').to.equal(undefined);
  });

  it('refuses other systems', () => {
    expect(() => checkPlatform('darwin', 'arm64')).to.throw(
      SetupError,
      'Linux on x86-64 only; this is darwin on arm64',
    );
    expect(() => checkPlatform('linux', 'arm64')).to.throw(SetupError, 'this is linux on arm64');
  });
});
