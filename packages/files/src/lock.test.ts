import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { holderOf, tryLock, withLock } from './lock.js';
import { messageOf as errorOf, temporaryFolder } from './testing.js';

/** Above the largest process number that Linux gives. */
const NOBODY = 2 ** 22 + 1;
const MINUTE = 60_000;

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
  /** Dates the lock's last sign. */
  const date = (fromNow: number) => {
    const seconds = (Date.now() + fromNow) / 1000;
    utimesSync(`${path}.1`, seconds, seconds);
  };
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

  it('is not thought to be free where its folder cannot be read', async () => {
    symlinkSync('circle', join(folder, 'circle'));
    const unseen = join(folder, 'circle', 'lock');
    for (const look of [() => holderOf(unseen), () => tryLock(unseen)]) expect(await errorOf(look())).to.match(/ELOOP/);
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
    const waiting = withLock(path, async () => 'ran', { log: (line) => log.push(line), poll: 1, watch: 50 });
    while (log.length === 0) await nextTurn();
    expect(log).to.deep.equal([`Waiting for process 1 on elsewhere, which holds ${path}.`]);
    expect(await tryLock(path)).to.equal(undefined);
    date(-10 * MINUTE);
    expect(await waiting).to.equal('ran');
    expect(log[1]).to.match(/is held by process 1 on elsewhere; whether that still runs is seen within 1 s/);
  });

  it('does not trust clocks: a sign that is dated in the past or in the future is watched for a change', async () => {
    for (const minutes of [-24 * 60, 24 * 60, 60]) {
      leave({ host: 'elsewhere', pid: 1, began: 'now', minutes });
      date(minutes * MINUTE);
      const signs = setInterval(() => date(minutes * MINUTE + Math.random() * 1000), 20);
      expect((await holderOf(path, { watch: 300 }))?.host, `${minutes} minutes, with signs`).to.equal('elsewhere');
      clearInterval(signs);
      date(minutes * MINUTE);
    }
    for (const minutes of [-24 * 60, 24 * 60]) {
      const other = join(folder, `other${minutes}`);
      writeFileSync(`${other}.1`, JSON.stringify({ host: 'elsewhere', pid: 1, began: 'now' }));
      utimesSync(`${other}.1`, Date.now() / 1000 + 60 * minutes, Date.now() / 1000 + 60 * minutes);
      expect(await withLock(other, async () => 'ran', { poll: 1, watch: 100 }), `${minutes}, without`).to.equal('ran');
    }
  });

  it('ends the waiting after a while, naming the holder and what to do', async () => {
    leave({ host: 'elsewhere', pid: 7, began: 'now' });
    expect(await errorOf(withLock(path, async () => 'ran', { poll: 1, patience: 30 }))).to.match(
      /process 7 on elsewhere has held .*lock for .* s or longer\. .*end it; .*delete .*lock\.\*\./,
    );
  });

  it('tells who held it that it was taken over', async () => {
    const failed = withLock(path, async (lost) => {
      rmSync(`${path}.1`);
      expect(lost.aborted).to.equal(false);
      throw new Error('its files are gone');
    });
    expect(await errorOf(failed)).to.match(/was taken over by another process/);
  });

  it('believes no holder without a process, and takes a folder in its place away', async () => {
    for (const wrong of ['{', '{}', 'null', JSON.stringify({ host: hostname() }), '[]']) {
      leave(wrong);
      expect(await withLock(path, async () => 'ran', { poll: 1, watch: 20 }), wrong).to.equal('ran');
    }
    mkdirSync(`${path}.3`);
    expect(await withLock(path, async () => 'ran', { poll: 1, watch: 20 })).to.equal('ran');
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('ends the waiting when it is told to', async () => {
    leave({ host: 'elsewhere', pid: 1, began: 'now' });
    const stop = new AbortController();
    const waiting = withLock(path, async () => 'ran', { poll: 60_000, signal: stop.signal });
    await nextTurn();
    stop.abort();
    expect(await waiting.catch((error: Error) => error.name)).to.equal('AbortError');
  });

  it('waits a while for one whose name is not written, and says so', async () => {
    leave('');
    const log: string[] = [];
    const waiting = withLock(path, async () => 'ran', { log: (line) => log.push(line), poll: 1, watch: 100 });
    while (log.length === 0) await nextTurn();
    expect(log.join()).to.match(/is held by a process whose name is not in it; .* within 1 s/);
    expect(existsSync(`${path}.1`)).to.equal(true);
    expect(await waiting).to.equal('ran');
  });
});
