/** Weight files on disk. Node's modules are loaded when they are needed, so that the package loads in a browser. */

import { type ByteSource, memoryBytes, WeightsError } from './bytes.js';
import { normalizeState } from './normalize.js';
import { readSafetensors, safetensorsMetadata, writeSafetensors } from './safetensors.js';
import { isPickle, isZip, readTorchFile } from './torchFile.js';
import type { TorchState } from './torchState.js';

/** Weights, and what the file says of them (safetensors' metadata); nothing where the format has no place for it. */
export interface WeightsFile {
  state: TorchState;
  metadata: Record<string, string>;
}

/**
 * The weights in a file's bytes; the format is told from the content.
 * @throws WeightsError if it is none of safetensors, zip and pre-1.6 PyTorch, or is wrong.
 * @example
 * ```ts
 * const bytes = await (await fetch('weights.safetensors')).arrayBuffer();
 * loadTorchState(model, parseWeights(new Uint8Array(bytes))); // in a browser too
 * ```
 */
export function parseWeights(bytes: Uint8Array): TorchState {
  return parse(memoryBytes(bytes)).state;
}

function parse(source: ByteSource): WeightsFile {
  if (source.size === 0) throw new WeightsError('The file is empty.');
  const head = source.read(0, Math.min(40, source.size));
  // A safetensors header begins with '{'; torch.save's files have other bytes there.
  if (head[8] === 0x7b) {
    return { state: normalizeState(readSafetensors(source)), metadata: safetensorsMetadata(source) };
  }
  if (isZip(head) || isPickle(head)) return { state: readTorchFile(source), metadata: {} };
  const start = new TextDecoder().decode(head);
  if (start.startsWith('version https://git-lfs')) {
    throw new WeightsError('The file is a pointer of Git LFS, not the weights themselves; run `git lfs pull`.');
  }
  const first = JSON.stringify(start.slice(0, 16));
  throw new WeightsError(
    `The file is neither safetensors nor a PyTorch file: it begins with ${first}. ` +
      'Expected .safetensors, or a state_dict that torch.save wrote (.pth, .pt, .th).',
  );
}

/** A module of Node's own. It is asked for when it is needed, so that a bundle for browsers does without. @throws WeightsError in a browser. */
function nodeModule<Name extends 'node:fs' | 'node:path'>(name: Name) {
  if (typeof process === 'undefined' || !process.getBuiltinModule)
    throw new WeightsError(
      'Files are read and written by Node alone; in a browser give their bytes to parseWeights().',
    );
  return process.getBuiltinModule(name);
}

/**
 * Reads a .safetensors, .pth, .pt or .th file, whatever its name says, of any size; keys as `normalizeState` leaves them.
 * @throws WeightsError that names the file.
 * @example
 * ```ts
 * const state = await readWeights('mobilenetv1.pth');
 * for (const [name, { shape }] of state) console.log(name, shape);
 * ```
 */
export async function readWeights(path: string): Promise<TorchState> {
  return (await readWeightsFile(path)).state;
}

/**
 * As {@link readWeights}, with what the file says of its weights.
 * @example
 * ```ts
 * const { state, metadata } = await readWeightsFile('merged.safetensors');
 * ```
 */
export async function readWeightsFile(path: string): Promise<WeightsFile> {
  const { closeSync, constants, fstatSync, openSync, readSync } = nodeModule('node:fs');
  try {
    // Opening a FIFO would wait for a writer, and reading a device might never end.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    const file = found(path, () => openSync(path, flags));
    try {
      const status = fstatSync(file);
      if (!status.isFile() && !status.isDirectory())
        throw new WeightsError('It is a FIFO or a device; expected a file.');
      return parse({
        size: status.size,
        read(offset, length) {
          const bytes = new Uint8Array(length);
          for (let done = 0; done < length; ) {
            const count = readSync(file, bytes, done, Math.min(length - done, LARGEST_READ), offset + done);
            if (count === 0) throw new WeightsError(`It ends at byte ${offset + done} while it is read.`);
            done += count;
          }
          return bytes;
        },
      });
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new WeightsError(`Weights cannot be read from ${path}. ${(cause as Error).message}`, { cause });
  }
}

/** @throws WeightsError where there is no such file, with the path that was looked for. */
function found<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    const full = nodeModule('node:path').resolve(path);
    throw new WeightsError(`There is no such file${full === path ? '' : ` (looked for ${full})`}.`, { cause });
  }
}

/** Bytes that the system reads at once. */
const LARGEST_READ = 2 ** 30;

/**
 * Writes a state as safetensors. The file appears whole or not at all: until everything is on disk, one that was there stays.
 * @throws WeightsError that names the file, as when the disk is full or the folder cannot be written.
 * @example
 * ```ts
 * await writeWeights('model.safetensors', torchState(model));
 * ```
 */
export async function writeWeights(path: string, state: TorchState, metadata?: Record<string, string>): Promise<void> {
  const { open, rename, rm } = nodeModule('node:fs').promises;
  const { basename, dirname, join } = nodeModule('node:path');
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
