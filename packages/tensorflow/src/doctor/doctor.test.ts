import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { findInstallation, type Installation } from '../setup/index.js';
import { type Ended, startNode } from '../setup/testing/processes.js';
import { unusedGpu } from './devices.js';
import type { Report } from './report.js';
import { describeNode } from './surroundings.js';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const runDoctor = (env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> => startNode([main, ...args], env).ended;

describe('the doctor', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-doctor-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('names the devices of the installed TensorFlow', async function () {
    if (!findInstallation()) this.skip();
    const { code, stdout, stderr } = await runDoctor({}, '--json');
    expect(code, stdout + stderr).to.equal(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.tensorflow.installation?.version).to.match(/^2\./);
    expect(report.devices.map(({ type }) => type)).to.include('CPU');
    expect(report.cache.entries.filter(({ inUse }) => inUse)).not.to.be.empty;
    expect((await runDoctor({})).stdout).to.contain('Device      /job:localhost/replica:0/task:0/device:CPU:0');
  });

  it('says that nothing is set up yet, and sets up nothing', async () => {
    const cache = join(folder, 'cache');
    const { code, stdout } = await runDoctor({ REFCONV_CACHE: cache, REFCONV_TENSORFLOW: 'cpu' });
    expect(code, stdout).to.equal(0);
    expect(stdout).to.contain('not set up yet (cpu is wanted)');
    expect(existsSync(cache)).to.equal(false);
  });

  it('names what stops work, with the remedy, by exit status 1', async () => {
    const env = { REFCONV_CACHE: join(folder, 'cache'), REFCONV_TENSORFLOW: 'cpu', PATH: folder, CXX: '' };
    const { code, stdout } = await runDoctor(env);
    expect(code).to.equal(1);
    expect(stdout)
      .to.contain('ERROR: No C++ compiler')
      .and.to.contain('ERROR: No Python')
      .and.to.contain('sudo apt install');
    const wrong = await runDoctor({ REFCONV_TENSORFLOW: 'gpu' }, '--json');
    expect(wrong.code).to.equal(1);
    expect((JSON.parse(wrong.stdout) as Report).problems[0]?.message).to.contain('neither a flavour nor a folder');
  });

  it('knows the supported versions of Node', () => {
    const supported = ['20.19.0', '20.20.2', '22.12.0', '22.20.1', '24.0.0', '24.9.1'];
    for (const version of supported)
      expect(describeNode(version), version).to.deep.equal({ node: { version, supported: true } });
    for (const version of ['18.20.8', '20.18.3'])
      expect(describeNode(version).problem?.severity, version).to.equal('error');
    for (const version of ['21.7.0', '22.11.0', '23.1.0', '25.0.0']) {
      expect(describeNode(version).problem?.severity, version).to.equal('warning');
    }
  });

  it('tells why a GPU is not used', () => {
    const installation = (flavour: Installation['flavour']): Installation => ({
      flavour,
      version: '2.21.0',
      libraryFolder: '',
      tfjsBinding: '',
      graphBinding: '',
      quietBinding: '',
    });
    const driver = (version: string) => ({ foundAt: '/proc/driver/nvidia/version', version });
    expect(unusedGpu(driver('550.54.15'), installation('cpu'), '').message)
      .to.contain('TensorFlow does NOT use a GPU')
      .and.to.contain('REFCONV_TENSORFLOW is cpu');
    const log = 'unrelated\nE0000 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)\n';
    const before = process.env.CUDA_VISIBLE_DEVICES;
    try {
      process.env.CUDA_VISIBLE_DEVICES = '-1';
      expect(unusedGpu(driver('550.54.15'), installation('cuda'), log).message).to.contain(
        'CUDA_VISIBLE_DEVICES is "-1"',
      );
      delete process.env.CUDA_VISIBLE_DEVICES;
      expect(unusedGpu(driver('470.57.02'), installation('cuda'), log).message).to.contain(
        '470.57.02; CUDA 12 needs 525',
      );
      expect(unusedGpu(driver('550.54.15'), installation('cuda'), log).message)
        .to.contain('failed call to cuInit')
        .and.not.to.contain('unrelated');
    } finally {
      if (before !== undefined) process.env.CUDA_VISIBLE_DEVICES = before;
    }
  });
});
