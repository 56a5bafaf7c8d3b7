/** Weight files on disk. Node's modules are loaded when they are needed, so that the package loads in a browser. */
import type { TorchState } from '../torchState.js';
import { WeightsError } from './bytes.js';
import { normalizeState } from './normalize.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import { isPickle, isZip, readTorchFile } from './torchFile.js';

/** What Node reads into one buffer. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * The weights in a file's bytes; the format is told from the content.
 * @throws WeightsError if it is none of safetensors, zip and pre-1.6 PyTorch, or is wrong.
 */
export function parseWeights(bytes: Uint8Array): TorchState {
  if (bytes.length === 0) throw new WeightsError('The file is empty.');
  // A safetensors header begins with '{'; torch.save's files have other bytes there.
  if (bytes[8] === 0x7b) return normalizeState(readSafetensors(bytes));
  if (isZip(bytes) || isPickle(bytes)) return readTorchFile(bytes);
  const start = new TextDecoder().decode(bytes.subarray(0, 40));
  if (start.startsWith('version https://git-lfs')) {
    throw new WeightsError('The file is a pointer of Git LFS, not the weights themselves; run `git lfs pull`.');
  }
  const first = JSON.stringify(start.slice(0, 16));
  throw new WeightsError(
    `The file is neither safetensors nor a PyTorch file: it begins with ${first}. ` +
      'Expected .safetensors, or a state_dict that torch.save wrote (.pth, .pt, .th).',
  );
}

/**
 * Reads a .safetensors, .pth, .pt or .th file, whatever its name says; keys as `normalizeState` leaves them.
 * @throws WeightsError that names the file.
 */
export async function readWeights(path: string): Promise<TorchState> {
  const { readFile, stat } = await import('node:fs/promises');
  try {
    const status = await stat(path);
    const { size } = status;
    // Reading a FIFO or a device might never end.
    if (!status.isFile() && !status.isDirectory()) throw new WeightsError('It is a FIFO or a device; expected a file.');
    if (size > MAX_FILE_BYTES)
      throw new WeightsError(`The file has ${size} bytes; at most ${MAX_FILE_BYTES} are read.`);
    return parseWeights(await readFile(path));
  } catch (cause) {
    throw new WeightsError(`Weights cannot be read from ${path}. ${(cause as Error).message}`, { cause });
  }
}

/**
 * Writes a state as safetensors. The file appears whole or not at all: until everything is on disk, one that was there stays.
 * @throws WeightsError that names the file, as when the disk is full or the folder cannot be written.
 */
export async function writeWeights(path: string, state: TorchState, metadata?: Record<string, string>): Promise<void> {
  const { open, rename, rm } = await import('node:fs/promises');
  const { basename, dirname, join } = await import('node:path');
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}.tmp`);
  try {
    const bytes = writeSafetensors(state, metadata);
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    // What went wrong first is what to report.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new WeightsError(`Weights cannot be written to ${path}. ${(cause as Error).message}`, { cause });
  }
}
