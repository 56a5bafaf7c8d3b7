import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { architecture, checkPlatform, findProgram, nvidiaDriver, wish } from './environment.js';
import { SetupError } from './errors.js';
import { bindingFolder, compileFlags, currentPlan, fromFolder } from './plan.js';

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

  it('names the processors that the kernels are compiled for, each with a folder of its own', () => {
    expect([architecture({}), architecture({ REFCONV_MARCH: '' })]).to.deep.equal(['native', 'native']);
    const plans = ['native', 'x86-64-v2', 'x86-64-v3'].map((name) =>
      currentPlan({ REFCONV_CACHE: folder, REFCONV_TENSORFLOW: 'cpu', REFCONV_MARCH: name }),
    );
    for (const plan of plans) {
      const [flag, { graph }] = [`-march=${plan.architecture}`, plan];
      for (const source of graph.sources)
        expect(compileFlags(plan, graph, source).includes(flag), source).to.equal(/kernels/.test(source));
    }
    expect(new Set(plans.map(bindingFolder)).size).to.equal(3);
    expect(() => architecture({ REFCONV_MARCH: 'native -O0' })).to.throw(
      SetupError,
      'REFCONV_MARCH is "native -O0", which is no name of a processor',
    );
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
