/** Writers that are killed in the middle, one or several at a time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readCsvLines, removeLeftovers } from '@refconv/files';
import { check, type Kind } from '../kind.js';

const WRITE = fileURLToPath(new URL('../child/write.js', import.meta.url));

export const killedWriters: Kind = {
  name: 'writers killed at random moments',
  share: 50,
  async prepare() {
    return {
      async inject(random, folder) {
        const child = spawn(process.execPath, [WRITE, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
        await once(child.stdout, 'data');
        const delay = random.integer(60);
        await sleep(delay);
        child.kill('SIGKILL');
        await once(child, 'exit');
        await removeLeftovers(folder);
        const names = readdirSync(folder);
        check(
          names.every((name) => !name.startsWith('.')),
          `It leaves ${names.join(', ')}.`,
        );
        const isWhole = (path: string) => /^(\d)\1{99999}$/.test(readFileSync(path, 'utf8'));
        const parts = ['file', 'model/a', 'model/b'].map((name) => join(folder, name));
        check(existsSync(join(folder, 'model')) || !existsSync(join(folder, 'lines.csv')), 'The folder is gone.');
        for (const path of parts) check(!existsSync(path) || isWhole(path), `${path} is torn.`);
        const [, a, b] = parts as [string, string, string];
        if (existsSync(a)) check(readFileSync(a, 'utf8') === readFileSync(b, 'utf8'), 'The folder is of two writings.');
        const lines = (await readCsvLines(join(folder, 'lines.csv'))) ?? [];
        check(
          lines.every(([i], at) => Number(i) === at),
          'Lines are missing.',
        );
        return `after ${delay} ms`;
      },
    };
  },
};
