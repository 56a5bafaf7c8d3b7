// Helpers of this package's tests.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export const RECORD = 3073;
export const BIN_FILES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).concat('test_batch.bin');

/** Folder of real data for tests: `REFCONV_SHARED`, by default `../shared` beside the repository. */
export function sharedFolder(): string {
  const repository = fileURLToPath(new URL('../../../', import.meta.url));
  return resolve(repository, process.env.REFCONV_SHARED || '../shared');
}

/** A folder with all of CIFAR-10 as .bin files, unpacked once per machine; undefined where there is no real data. */
export async function realCifar10(): Promise<string | undefined> {
  const unpack = join(sharedFolder(), 'data', 'unpack');
  if (!existsSync(unpack)) return undefined;
  const folder = join(tmpdir(), 'refconv-test-cifar10');
  const complete = () =>
    BIN_FILES.every((file) => {
      const size = statSync(join(folder, 'cifar-10-batches-bin', file), { throwIfNoEntry: false })?.size;
      return size === 10_000 * RECORD;
    });
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

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'refconv-datasets-'));
}

/** Records with pixel values that depend on file, record and position, so that a mix-up shows. */
export function fakeRecords(file: number, records: number): Uint8Array {
  const bytes = new Uint8Array(records * RECORD);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >> 8) + file * 31) & 255;
  for (let r = 0; r < records; r++) bytes[r * RECORD] = (r + file) % 10;
  return bytes;
}

export function fakeFiles(records: number): Map<string, Uint8Array> {
  return new Map(BIN_FILES.map((name, i) => [name, fakeRecords(i, records)]));
}

export function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array | string>): void {
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
}

/** A tar.gz with the files in a folder `cifar-10-batches-bin`, as the official one. */
export async function tarGz(files: ReadonlyMap<string, Uint8Array | string>): Promise<Uint8Array> {
  const archive = pack();
  archive.entry({ name: 'cifar-10-batches-bin/', type: 'directory' });
  for (const [name, bytes] of files) archive.entry({ name: `cifar-10-batches-bin/${name}` }, Buffer.from(bytes));
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return gzipSync(Buffer.concat(chunks), { level: 1 });
}

/** The message of the error that a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('No error was thrown.');
}
