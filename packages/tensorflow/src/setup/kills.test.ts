import { mkdir, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { bindingFolder, currentPlan, type Plan } from './plan.js';
import { halfDone, leftovers, runSetup, startSetup } from './testing/processes.js';
import { makeTinyTensorFlow } from './testing/tinyTensorFlow.js';

const KILLS = 10;
/** The longest that a killed set-up's lock may hold up the next. */
const STALE_S = 15;
/** How old the lock looks that is waited for in the end: not old enough to be taken over at once. */
const LOCK_AGE_S = 8;

/**
 * Kills set-ups at moments spread over `duration`, then lets one finish. The lock that each leaves is made to look old, as if
 * time had passed; only the last one is waited for, a little.
 */
async function killAndRecover(plan: Plan, duration: number, environment: NodeJS.ProcessEnv): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await utimes(join(plan.cache, '.lock'), 0, 0).catch(() => undefined);
    const { child, ended } = await startSetup(plan, environment);
    await sleep(((kill + Math.random()) / KILLS) * duration);
    child.kill('SIGKILL');
    await ended;
    expect(await halfDone(plan), `after kill ${kill}`).to.deep.equal([]);
  }
  // Wherever the last kill hit, there is now a lock without a holder, and something to be done.
  await rm(bindingFolder(plan), { recursive: true, force: true });
  await mkdir(join(plan.cache, '.lock'), { recursive: true });
  const touched = Date.now() / 1000 - LOCK_AGE_S;
  await utimes(join(plan.cache, '.lock'), touched, touched);
  const start = Date.now();
  const { code, stderr } = await runSetup(plan, environment);
  expect(code, stderr).to.equal(0);
  expect(Date.now() - start).to.be.within(1000, (STALE_S - LOCK_AGE_S) * 1000 + 3 * duration);
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
