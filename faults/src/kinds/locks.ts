/** Locks that nobody holds any more, or that nobody can have written. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { holderOf, withLock } from '@refconv/files';
import { pick, replaceBySpecial } from '../damage.js';
import { check, type Kind } from '../kind.js';

const WATCH = 150;

export const locks: Kind = {
  name: 'locks that are left, forged or dated wrongly',
  share: 60,
  async prepare() {
    return {
      async inject(random, folder) {
        const path = join(folder, 'lock');
        const left = `${path}.${1 + random.integer(9)}`;
        const day = 86_400_000 * (random.integer(2) ? 1 : -1);
        const foreign = JSON.stringify({ host: 'elsewhere', pid: 1 + random.integer(999), began: 'then' });
        const whats: Record<string, () => Promise<void> | void> = {
          empty: () => writeFileSync(left, ''),
          'half written': () => writeFileSync(left, foreign.slice(0, random.integer(foreign.length))),
          'of this machine without a process': () => writeFileSync(left, JSON.stringify({ host: hostname() })),
          'of a process that was killed': async () => {
            const child = spawn('sleep', ['60']);
            writeFileSync(left, JSON.stringify({ host: hostname(), pid: child.pid, began: 'then' }));
            child.kill('SIGKILL');
            await once(child, 'exit');
          },
          'of another machine, a day off': () => {
            writeFileSync(left, foreign);
            utimesSync(left, (Date.now() + day) / 1000, (Date.now() + day) / 1000);
          },
          special: () => void replaceBySpecial(left, random),
        };
        const what = pick(random, Object.keys(whats));
        await whats[what]?.();
        let running = 0;
        const action = async () => {
          check(++running === 1, 'Two hold the lock.');
          await new Promise((resolve) => setTimeout(resolve, 1));
          running--;
        };
        await Promise.all([1, 2].map(() => withLock(path, action, { poll: 2, watch: WATCH, patience: 30_000 })));
        check((await holderOf(path, { watch: WATCH })) === undefined, 'The lock is not free afterwards.');
        return what;
      },
    };
  },
};

export const livingLocks: Kind = {
  name: 'locks of other machines whose clocks are off',
  share: 20,
  async prepare() {
    return {
      async inject(random, folder) {
        const path = join(folder, 'lock');
        const off = (random.integer(2) ? 1 : -1) * (3_600_000 + random.integer(86_400_000));
        let now = Date.now() + off;
        writeFileSync(`${path}.1`, JSON.stringify({ host: 'elsewhere', pid: 5, began: 'then' }));
        const sign = () => {
          now += 1000;
          utimesSync(`${path}.1`, now / 1000, now / 1000);
        };
        const signs = setInterval(sign, 40);
        try {
          check(
            (await holderOf(path, { watch: 2000 })) !== undefined,
            'A holder that lives is taken for one that is gone.',
          );
          const waited = await withLock(path, async () => 'taken', { poll: 5, watch: 2000, patience: 60 }).catch(
            (error: Error) => error.message,
          );
          check(/process 5 on elsewhere/.test(waited), `The one that is waited for is not named: ${waited}`);
        } finally {
          clearInterval(signs);
        }
        return `${Math.round(off / 60_000)} minutes`;
      },
    };
  },
};
