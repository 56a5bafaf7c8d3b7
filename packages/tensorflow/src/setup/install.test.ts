import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { finished, type Installation } from './find.js';
import { ensureInstallation } from './install.js';
import { bindingFolder, fromFolder, fromPrebuilt, type Plan } from './plan.js';
import { halfDone, leftovers, runSetup, startSetup } from './testing/processes.js';
import { makeHeaders, makeLibraries, makeTinyTensorFlow, type TinyTensorFlow } from './testing/tinyTensorFlow.js';

describe('the set-up, with a tiny TensorFlow', () => {
  let folder: string;
  let tiny: TinyTensorFlow;
  let plan: Plan;
  let offline: NodeJS.ProcessEnv;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-setup-'));
    tiny = await makeTinyTensorFlow(folder);
    plan = await tiny.plan(join(folder, 'cache'));
    offline = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: tiny.wheels };
    expect((await runSetup(plan, offline)).code).to.equal(0);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('makes an installation that loads, and nothing else; two at once take turns', async () => {
    const fresh = await tiny.plan(join(folder, 'fresh'));
    const first = await startSetup(fresh, offline);
    await once(first.child.stderr as Readable, 'data');
    const [a, b] = await Promise.all([first.ended, runSetup(fresh, offline)]);
    expect(a.code, a.stderr).to.equal(0);
    expect(b.code, b.stderr).to.equal(0);
    expect(b.stderr).to.contain('Waiting for ').and.to.contain(`process ${first.child.pid} on `);
    expect(b.stderr).not.to.contain('Compiling');
    expect(a.stdout).to.equal(b.stdout);

    const installation = JSON.parse(a.stdout) as Installation;
    expect(installation).to.deep.equal(finished(fresh));
    expect(installation.version).to.equal('2.21.0');
    const load = `console.log(require(${JSON.stringify(installation.tfjsBinding)}).TF_Version)`;
    expect(execFileSync(process.execPath, ['-e', load], { encoding: 'utf8' })).to.equal('2.21.0\n');
    expect(existsSync(join(installation.libraryFolder, '__init__.py')), 'only what is needed').to.equal(false);
    expect(await halfDone(fresh)).to.deep.equal([]);
    expect(await leftovers(fresh.cache)).to.deep.equal([]);
  });

  it('does nothing when all is there', async () => {
    const lines: string[] = [];
    expect(await ensureInstallation((line) => lines.push(line), { plan })).to.deep.equal(finished(plan));
    expect(lines).to.deep.equal([]);
  });

  it('works at another place when the cache is moved', async () => {
    const moved = join(folder, 'moved');
    await rename(plan.cache, moved);
    try {
      const there = finished(await tiny.plan(moved));
      expect(there?.graphBinding).to.match(/moved/);
      execFileSync(process.execPath, ['-e', `require(${JSON.stringify(there?.graphBinding)})`]);
    } finally {
      await rename(moved, plan.cache);
    }
  });

  it('compiles anew when a source changes, without another download', async () => {
    const changed = await tiny.plan(plan.cache, { graph: '#define CHANGED\n#include "tensorflow/c/c_api.h"\n' });
    expect(finished(changed)).to.equal(undefined);
    const { code, stderr } = await runSetup(changed, { PATH: `${process.env.PATH}`, PIP_NO_INDEX: '1' });
    // A library without any entry point is no add-on.
    expect(code).to.equal(1);
    expect(stderr).to.contain('do not load').and.not.to.contain('Downloading');
    expect(await halfDone(plan)).to.deep.equal([]);
  });

  it('repairs an installation of which files were deleted', async () => {
    const { tfjsBinding } = finished(plan) as Installation;
    await rm(tfjsBinding);
    expect(finished(plan)).to.equal(undefined);
    await ensureInstallation(undefined, { plan });
    expect(existsSync(tfjsBinding)).to.equal(true);
  });

  it('takes a folder of the user, and compiles anew when its libraries change', async () => {
    const own = join(folder, 'own');
    await cp(plan.tensorflow.libraryFolder, own, { recursive: true });
    const owned: Plan = { ...plan, tensorflow: fromFolder(own) };
    const made = await ensureInstallation(undefined, { plan: owned });
    expect(made).to.include({ flavour: 'folder', version: '2.21.0', libraryFolder: own });
    const before = bindingFolder(owned);
    await makeLibraries(own, ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']);
    expect(bindingFolder(owned)).not.to.equal(before);
  });

  it("takes what tfjs-node-gpu's own script downloads", async () => {
    const archive = join(folder, 'archive');
    await makeLibraries(join(archive, 'lib'), ['libtensorflow.so.2', 'libtensorflow_framework.so.2']);
    await makeHeaders(join(archive, 'include'));
    const bytes = execFileSync('tar', ['-C', archive, '-cz', 'lib', 'include'], { maxBuffer: 64e6 });
    let body = bytes.subarray(0, bytes.length / 2);
    const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const noProxy = { HTTPS_PROXY: '', https_proxy: '', HTTP_PROXY: '', http_proxy: '' };
    const env = { ...noProxy, TFJS_NODE_BASE_URI: `http://127.0.0.1:${port}/libtensorflow-` };
    const cache = join(folder, 'prebuilt-cache');
    const prebuilt: Plan = { ...plan, cache, tensorflow: fromPrebuilt(cache) };
    try {
      const cut = await runSetup(prebuilt, env);
      expect(cut.code).to.equal(1);
      expect(cut.stderr).to.contain("tfjs-node-gpu's own download of TensorFlow failed");
      expect(await leftovers(cache)).to.deep.equal([]);
      body = bytes;
      const whole = await runSetup(prebuilt, env);
      expect(whole.code, whole.stderr).to.equal(0);
      expect(JSON.parse(whole.stdout)).to.include({ flavour: 'prebuilt', version: '2.21.0' });
    } finally {
      server.close();
    }
  });

  it('that slept while another took over finds what that one made', async () => {
    const slow = join(folder, 'slow-c++');
    await writeFile(slow, '#!/bin/sh\nsleep 1\nexec c++ "$@"\n', { mode: 0o755 });
    const asleep = await tiny.plan(join(folder, 'asleep'));
    const { child, ended } = await startSetup(asleep, { ...offline, CXX: slow });
    // This also closes the pipe that it writes to.
    for await (const text of child.stderr as Readable) if (String(text).includes('Compiling')) break;
    child.kill('SIGSTOP');
    // As another machine does that saw no sign of life for minutes.
    await rm(join(asleep.cache, '.lock.1'));
    expect((await runSetup(asleep, offline)).code).to.equal(0);
    child.kill('SIGCONT');
    const { code, stdout } = await ended;
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal(finished(asleep));
    expect(await leftovers(asleep.cache)).to.deep.equal([]);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`leaves nothing behind when it is stopped by ${signal}`, async () => {
      const cache = join(folder, signal);
      await mkdir(cache);
      const { child, ended } = await startSetup(await tiny.plan(cache), offline);
      await once(child.stderr as Readable, 'data');
      child.kill(signal);
      const { code, stderr } = await ended;
      expect(code).to.equal(signal === 'SIGINT' ? 130 : 143);
      expect(stderr).to.contain('was stopped').and.not.to.contain('    at ');
      expect(await leftovers(cache)).to.deep.equal([]);
    });
  }
});
