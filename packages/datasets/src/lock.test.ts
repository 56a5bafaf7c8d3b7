import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { holderOf, tryLock, withLock } from './lock.js';
import { errorOf, temporaryFolder } from './test-data.js';

/** Above the largest process number that Linux gives. */
const NOBODY = 2 ** 22 + 1;

describe('withLock', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const leave = (holder: object | string) =>
    writeFileSync(`${path}.1`, typeof holder === 'string' ? holder : JSON.stringify(holder));
  const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 20));

  it('runs one action at a time and leaves no file', async () => {
    let running = 0;
    const action = async () => {
      expect(++running).to.equal(1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running--;
    };
    await Promise.all([1, 2, 3].map(() => withLock(path, action, { poll: 1 })));
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('is freed when the action fails', async () => {
    const failing = withLock(path, () => Promise.reject(new Error('no')));
    expect(await errorOf(failing)).to.equal('no');
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('takes over from a process that has ended, or that had the same number', async () => {
    for (const pid of [NOBODY, process.pid]) {
      leave({ host: hostname(), pid, began: 'another time' });
      expect(await holderOf(path)).to.equal(undefined);
      expect(await withLock(path, async () => 'ran')).to.equal('ran');
    }
  });

  it('lets one of many take over from a process that has ended', async () => {
    leave({ host: hostname(), pid: NOBODY, began: 'another time' });
    let running = 0;
    const action = async () => {
      expect(++running).to.equal(1);
      await nextTurn();
      running--;
    };
    await Promise.all(Array.from({ length: 20 }, () => withLock(path, action, { poll: 1 })));
  });

  it('waits for a process on another machine, telling so once, until that gives no sign of life', async () => {
    leave({ host: 'elsewhere', pid: 1, began: 'now' });
    const log: string[] = [];
    const waiting = withLock(path, async () => 'ran', { log: (line) => log.push(line), poll: 1 });
    await nextTurn();
    expect(log).to.deep.equal([`Waiting for process 1 on elsewhere, which holds ${path}.`]);
    expect(await tryLock(path)).to.equal(undefined);
    const longAgo = new Date(Date.now() - 10 * 60_000);
    utimesSync(`${path}.1`, longAgo, longAgo);
    expect(await waiting).to.equal('ran');
  });

  it('ends the waiting when it is told to', async () => {
    leave({ host: 'elsewhere', pid: 1, began: 'now' });
    const stop = new AbortController();
    const waiting = withLock(path, async () => 'ran', { poll: 60_000, signal: stop.signal });
    await nextTurn();
    stop.abort();
    expect(await waiting.catch((error: Error) => error.name)).to.equal('AbortError');
  });

  it('waits for one whose name is not yet written', async () => {
    leave('');
    const log: string[] = [];
    const waiting = withLock(path, async () => 'ran', { log: (line) => log.push(line), poll: 1 });
    await nextTurn();
    expect(log).to.deep.equal([]);
    expect(existsSync(`${path}.1`)).to.equal(true);
    rmSync(`${path}.1`);
    expect(await waiting).to.equal('ran');
  });
});
