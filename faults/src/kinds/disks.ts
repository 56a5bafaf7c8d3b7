/** Disks that are full, and files that may not be read. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { appendWhole, readJson, writeAtomically, writeWhole } from '@refconv/files';
import { appendToLedger, readLedger } from '@refconv/runs';
import { CheckpointFolder, loadModel } from '@refconv/training';
import { pick } from '../damage.js';
import { check, type Kind, valueOrClearError } from '../kind.js';
import { tinyGrid, writeFinished } from '../results.js';

const KILOBYTES = 64;

export const fullDisks: Kind = {
  name: 'disks that become full',
  share: 40,
  async prepare({ folder }) {
    const disk = join(folder, 'disk');
    mkdirSync(disk, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${KILOBYTES}k`, 'tmpfs', disk], { stdio: 'pipe' });
    } catch (error) {
      return `a disk of its own cannot be mounted: ${(error as Error).message.split('\n')[0]}`;
    }
    const [result] = await writeFinished(join(folder, 'root'), tinyGrid([1]));
    return {
      async inject(random) {
        execFileSync('find', [disk, '-mindepth', '1', '-delete']);
        const path = join(disk, 'file');
        const writers: Record<string, () => Promise<void>> = {
          'of a file': () => writeAtomically(path, ['x'.repeat(100 * 1024)]),
          'of lines': () => appendWhole(path, 'x'.repeat(100 * 1024)),
          'of a folder': () =>
            writeWhole(join(disk, 'model'), { replace: true }, async (unfinished) => {
              mkdirSync(unfinished);
              writeFileSync(join(unfinished, 'weights'), 'x'.repeat(100 * 1024));
            }),
          'of a checkpoint': () =>
            new CheckpointFolder<{ step: number }>(disk).save({ step: 1 }, [
              { name: 'a', dtype: 'float32', shape: [30_000], data: new Float32Array(30_000) },
            ]),
          'of a row of the ledger': () => appendToLedger(disk, result as NonNullable<typeof result>),
        };
        const what = pick(random, Object.keys(writers));
        if (what === 'of a row of the ledger') {
          await appendToLedger(disk, { ...(result as NonNullable<typeof result>), hash: 'f'.repeat(64) });
          // All but so many bytes, so that it ends in the middle of the row.
          writeFileSync(join(disk, 'ballast'), 'x'.repeat(4096 * random.integer(4)));
          execFileSync('sh', ['-c', `cat /dev/zero > ${join(disk, 'rest')} 2>/dev/null; true`]);
          await valueOrClearError(writers[what] as () => Promise<void>, [disk]);
          check((await readLedger(disk)).length >= 1, 'The ledger has lost a row.');
          return what;
        }
        writeFileSync(path, 'before');
        mkdirSync(join(disk, 'model'));
        writeFileSync(join(disk, 'model', 'weights'), 'before');
        const written = await valueOrClearError(writers[what] as () => Promise<void>, [disk]);
        check(
          'error' in written && /the disk is full; free some space/.test(written.error.message),
          'It does not say that the disk is full.',
        );
        check(readFileSync(path, 'utf8') === 'before', 'What was there is damaged.');
        check(
          readFileSync(join(disk, 'model', 'weights'), 'utf8') === 'before',
          'The folder that was there is damaged.',
        );
        return what;
      },
      async close() {
        execFileSync('umount', [disk]);
      },
    };
  },
};

export const forbidden: Kind = {
  name: 'files that may not be read or written',
  share: 20,
  async prepare({ folder: shared }) {
    const { seteuid, geteuid } = process;
    if (!seteuid || geteuid?.() !== 0) return 'only root can become another user';
    const reason = await whyNothingIsForbidden(join(shared, 'probe'));
    if (reason !== undefined) return reason;
    return {
      async inject(random, folder) {
        const path = join(folder, 'model.json');
        writeFileSync(path, '{}');
        chmodSync(path, 0o600);
        chmodSync(folder, 0o755);
        const actions: Record<string, () => Promise<unknown>> = {
          'reading JSON': () => readJson(path),
          'loading a model': () => loadModel(folder),
          'writing a file': () => writeAtomically(join(folder, 'new'), ['x']),
          'adding lines': () => appendWhole(path, 'x'),
          'a checkpoint': () => new CheckpointFolder<{ step: number }>(join(folder, 'run')).prepare([]),
        };
        const what = pick(random, Object.keys(actions));
        const done = await asNobody(() => valueOrClearError(actions[what] as () => Promise<unknown>, [folder]));
        check(
          'error' in done && /not permitted/.test(done.error.message),
          `It does not say that it is not permitted (${what}): ${'error' in done ? done.error.message : 'no error'}`,
        );
        return what;
      },
    };
  },
};

async function asNobody<T>(action: () => Promise<T>): Promise<T> {
  process.seteuid?.(65_534);
  try {
    return await action();
  } finally {
    process.seteuid?.(0);
  }
}

/** Some containers leave root's rights to whom root becomes, or its threads: what is forbidden there is allowed all the same. */
async function whyNothingIsForbidden(probe: string): Promise<string | undefined> {
  mkdirSync(probe, { recursive: true });
  const file = join(probe, 'file');
  writeFileSync(file, '', { mode: 0o600 });
  const attempts: Record<string, () => Promise<unknown>> = {
    'reads what it may not read': () => readFile(file),
    'writes where it may not write': () => writeFile(join(probe, 'new'), ''),
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    const error = await asNobody(attempt).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    if (error === undefined) return `another user ${what} here`;
    if (error.code !== 'EACCES') return `another user meets another error here: ${error.message}`;
  }
  return undefined;
}
