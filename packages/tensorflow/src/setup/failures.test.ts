import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { findProgram } from './environment.js';
import { fromWheels, type Plan } from './plan.js';
import { type Ended, halfDone, leftovers, runSetup } from './testing/processes.js';
import { makeTinyTensorFlow, type TinyTensorFlow } from './testing/tinyTensorFlow.js';

describe('a set-up that cannot go on', () => {
  let folder: string;
  let tiny: TinyTensorFlow;
  let plan: Plan;
  let offline: NodeJS.ProcessEnv;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-failures-'));
    tiny = await makeTinyTensorFlow(folder);
    plan = await tiny.plan(join(folder, 'cache'));
    offline = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: tiny.wheels };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Exit status 1, a message without a stack, nothing half done. */
  function expectMessage({ code, stderr }: Ended, ...texts: string[]): void {
    expect(code, stderr).to.equal(1);
    for (const text of texts) expect(stderr).to.contain(text);
    expect(stderr).not.to.match(/^\s+at .*\.js:\d+/m);
  }
  async function expectNothing(made: Plan): Promise<void> {
    expect(await leftovers(made.cache)).to.deep.equal([]);
    expect(await halfDone(made)).to.deep.equal([]);
  }

  /** A folder to be the whole PATH, with links to programs of the real one. */
  async function pathWith(...programs: string[]): Promise<string> {
    const path = await mkdtemp(join(folder, 'path-'));
    for (const program of programs) await symlink(findProgram(program) as string, join(path, program));
    return path;
  }

  it('for a processor that the compiler does not know', async () => {
    const kernels = join(folder, 'kernels.cc');
    await writeFile(kernels, '');
    const made = await tiny.plan(join(folder, 'unknown'));
    const unknown = { ...made, architecture: 'pentium99', graph: { ...made.graph, sources: [kernels] } };
    expectMessage(await runSetup(unknown, offline), 'pentium99', 'does not know what REFCONV_MARCH names');
    await expectNothing(unknown);
  });

  it('for lack of a C++ compiler', async () => {
    expectMessage(
      await runSetup(plan, { ...offline, PATH: await pathWith('python3'), CXX: '' }),
      'No C++ compiler: c++ was not found on PATH',
      'sudo apt install g++',
    );
    expectMessage(await runSetup(plan, { ...offline, CXX: 'nonesuch++' }), 'CXX names "nonesuch++"');
    await expectNothing(plan);
  });

  it('for lack of Python', async () => {
    expectMessage(
      await runSetup(plan, { ...offline, PATH: await pathWith('c++'), CXX: '' }),
      'No Python: python3 was not found on PATH',
      'sudo apt install python3 python3-pip',
    );
    await expectNothing(plan);
  });

  it('for lack of pip, or with one that is too old', async () => {
    const bare = join(folder, 'bare');
    execFileSync('python3', ['-m', 'venv', '--without-pip', bare]);
    const env = { ...offline, PATH: `${join(bare, 'bin')}:${process.env.PATH}` };
    expectMessage(
      await runSetup(plan, env),
      'has no working pip',
      'No module named pip',
      'sudo apt install python3-pip',
    );
    const old = await pathWith();
    await writeFile(join(old, 'python3'), '#!/bin/sh\necho "pip 9.0.1 from somewhere (python 3.6)"\n');
    chmodSync(join(old, 'python3'), 0o755);
    expectMessage(
      await runSetup(plan, { ...offline, PATH: `${old}:${process.env.PATH}` }),
      'version 9, and 21 or later',
    );
    await expectNothing(plan);
  });

  it('because of a wrong checksum', async () => {
    const wrong = { ...plan, tensorflow: fromWheels(plan.cache, 'cpu', tiny.wrongRequirements) };
    expectMessage(
      await runSetup(wrong, offline),
      'Wrong checksum: tensorflow-cpu==2.21.0',
      `expected sha256 ${'0'.repeat(64)}`,
      'got      sha256 ',
    );
    await expectNothing(plan);
  });

  it('because pip finds nothing', async () => {
    const ended = await runSetup(plan, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder });
    expectMessage(ended, 'pip could not download TensorFlow', 'No matching distribution', 'HTTPS_PROXY');
    await expectNothing(plan);
  });

  it('because the cache cannot be written', async function () {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const below = await tiny.plan(join(file, 'cache'));
    expectMessage(await runSetup(below, offline), 'cannot be written: ENOTDIR', 'REFCONV_CACHE');

    const readOnly = join(folder, 'read-only');
    await mkdir(readOnly);
    if (!mounted('--bind', readOnly, readOnly)) this.skip();
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', readOnly]);
      const ended = await runSetup(await tiny.plan(join(readOnly, 'cache')), offline);
      expectMessage(ended, 'cannot be written: EROFS', 'REFCONV_CACHE');
    } finally {
      execFileSync('umount', [readOnly]);
    }
  });

  it('because there is too little room, seen at once', async () => {
    const { tensorflow } = plan;
    const huge = { ...plan, tensorflow: { ...tensorflow, source: { ...tensorflow.source, room: 1e18 } } } as Plan;
    expectMessage(await runSetup(huge, offline), 'Not enough room', '1000000000.1 GB are needed', 'REFCONV_CACHE');
    await expectNothing(plan);
  });

  for (const [size, where] of [
    ['3m', 'while downloading'],
    ['7m', 'while unpacking'],
  ] as const) {
    it(`because the disk becomes full ${where}`, async function () {
      const disk = await mkdtemp(join(folder, 'disk-'));
      if (!mounted('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk)) this.skip();
      try {
        const tight = await tiny.plan(disk);
        // As if the room had been there at the beginning.
        Object.assign(tight.tensorflow.source ?? {}, { room: -1e9 });
        expectMessage(await runSetup(tight, offline), 'The disk (or your quota) became full', 'REFCONV_CACHE');
        await expectNothing(tight);
      } finally {
        execFileSync('umount', [disk]);
      }
    });
  }

  it('because something does not compile', async () => {
    const broken = await tiny.plan(join(folder, 'broken'), { graph: '#error "broken on purpose"\n' });
    expectMessage(await runSetup(broken, offline), 'Compiling with c++ failed', 'broken on purpose', 'C++17');
    await expectNothing(broken);

    // TensorFlow stays; it is whole.
    const unresolved = 'extern "C" int nowhere();\nint x = nowhere();\n';
    const incomplete = await tiny.plan(broken.cache, { graph: unresolved });
    const ended = await runSetup(incomplete, offline);
    expectMessage(ended, 'do not load', 'undefined symbol: nowhere');
    expect(ended.stderr).not.to.contain('Downloading');
    await expectNothing(broken);
  });

  /** Mounts, if this user may; else the part of the test that needs it is skipped. */
  function mounted(...args: string[]): boolean {
    try {
      execFileSync('mount', args, { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }
});
