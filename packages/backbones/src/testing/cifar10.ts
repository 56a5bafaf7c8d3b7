/** CIFAR-10 for tests. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { shared } from './oracle.js';

const BYTES = 10_000 * 3073;

/** A folder with all of CIFAR-10 as .bin files, unpacked once per machine; undefined where there is no real data. */
export async function realCifar10(): Promise<string | undefined> {
  const unpack = join(shared, 'data', 'unpack');
  if (!existsSync(unpack)) return undefined;
  // The folder that the tests of @refconv/datasets unpack into, too.
  const folder = join(tmpdir(), 'refconv-test-cifar10');
  const files = ['test_batch', ...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}`)];
  const complete = () =>
    files.every(
      (file) =>
        statSync(join(folder, 'cifar-10-batches-bin', `${file}.bin`), { throwIfNoEntry: false })?.size === BYTES,
    );
  if (complete()) return folder;
  const fresh = mkdtempSync(`${folder}-`);
  try {
    await promisify(execFile)(unpack, [fresh]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Another run of the tests may have been faster.
    if (!complete()) throw new Error(`${unpack} failed; it needs bash and xz.`, { cause: error });
  }
  return folder;
}
