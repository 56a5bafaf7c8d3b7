import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { bindingFolder, currentPlan, type Plan } from './plan.js';
import { halfDone, leftovers, runSetup, startSetup } from './testing/processes.js';
import { makeTinyTensorFlow } from './testing/tinyTensorFlow.js';

const KILLS = process.env.REFCONV_LONG === '1' ? 10 : 4;

/** Kills set-ups at moments spread over `duration`, then lets one finish; the lock that each leaves holds nobody up. */
async function killAndRecover(plan: Plan, duration: number, environment: NodeJS.ProcessEnv): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, ended } = await startSetup(plan, environment);
    await sleep(((kill + Math.random()) / KILLS) * duration);
    child.kill('SIGKILL');
    await ended;
    expect(await halfDone(plan), `after kill ${kill}`).to.deep.equal([]);
  }
  // Wherever the last kill hit, there is now something to be done.
  await rm(bindingFolder(plan), { recursive: true, force: true });
  const { code, stderr } = await runSetup(plan, environment);
  expect(code, stderr).to.equal(0);
  expect(stderr).not.to.contain('Waiting');
  expect(await halfDone(plan)).to.deep.equal([]);
  expect(await leftovers(plan.cache)).to.deep.equal([]);
}

describe('set-ups killed at random moments', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-kills-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('never leave anything half done, and the next one recovers', async () => {
    const tiny = await makeTinyTensorFlow(folder);
    const offline = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: tiny.wheels };
    const trial = await tiny.plan(join(folder, 'trial'));
    const start = Date.now();
    expect((await runSetup(trial, offline)).code).to.equal(0);
    await killAndRecover(await tiny.plan(join(folder, 'cache')), Date.now() - start, offline);
  });

  it('with the real TensorFlow (REFCONV_LONG=1)', async function () {
    if (process.env.REFCONV_LONG !== '1') this.skip();
    this.timeout(3_600_000);
    const plan = currentPlan({ REFCONV_CACHE: join(folder, 'cache'), REFCONV_TENSORFLOW: 'cpu' });
    await killAndRecover(plan, 40_000, {});
  });
});
