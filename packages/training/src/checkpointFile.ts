/**
 * The bytes of a checkpoint: a safetensors file (float32 and int32), which Python's safetensors reads. Its metadata are `format`, what the training
 * says of itself as JSON (`training`), and a SHA-256 of that, of the tensors' names, types and shapes and of their values, in the file's order. So a
 * file that was cut off, or in which anything changed, is found out before any of it is used.
 */
import { createHash } from 'node:crypto';
import { parseJson, shown } from '@refconv/files';
import { safetensorsEntries, safetensorsHeader } from '@refconv/weights';
import { decodeOldCheckpoint, isOldCheckpoint } from './oldCheckpointFile.js';
import { type StoredTensor, updateHash } from './storedTensor.js';

const FORMAT = 'refconv checkpoint 2';
const TYPES = { float32: 'F32', int32: 'I32' } as const;

/**
 * The file's bytes in parts, to be written one after another; the values are not copied.
 * @example
 * ```ts
 * const tensors = [{ name: 'w', dtype: 'float32', shape: [2], data: new Float32Array([1, 2]) } as const];
 * await writeAtomically('w.safetensors', encodeCheckpoint({ step: 1 }, tensors));
 * ```
 */
export function* encodeCheckpoint(meta: unknown, tensors: readonly StoredTensor[]): Generator<Uint8Array> {
  const training = JSON.stringify(meta);
  const entries = tensors.map(({ name, dtype, shape }) => ({ name, type: TYPES[dtype], shape }));
  yield safetensorsHeader(entries, { format: FORMAT, training, sha256: checksum(training, tensors) });
  for (const { data } of tensors) yield bytesOf(data);
}

/**
 * Reads what {@link encodeCheckpoint} wrote, and the files of before.
 * @throws {Error} saying what is wrong, if the bytes are not those of a whole and unchanged checkpoint.
 * @example
 * ```ts
 * import { readBytes } from '@refconv/files';
 * const { meta, tensors } = decodeCheckpoint(await readBytes('runs/baseline/step-0000000390.safetensors'));
 * ```
 */
export function decodeCheckpoint(bytes: Uint8Array): { meta: unknown; tensors: StoredTensor[] } {
  if (isOldCheckpoint(bytes)) return decodeOldCheckpoint(bytes);
  const { entries, metadata } = safetensorsEntries(bytes);
  const { format, training = '', sha256 } = metadata;
  if (format !== FORMAT) throw new Error(`its format is ${shown(format)}, not "${FORMAT}"`);
  const tensors = entries.map(({ name, type, shape, read }): StoredTensor => {
    if (type !== 'F32' && type !== 'I32') throw new Error(`its tensor ${shown(name)} is of type ${type}`);
    // A copy, because a typed array must start at a multiple of 4 bytes.
    const { buffer } = Uint8Array.from(read());
    return type === 'I32'
      ? { name, dtype: 'int32', shape, data: new Int32Array(buffer) }
      : { name, dtype: 'float32', shape, data: new Float32Array(buffer) };
  });
  if (checksum(training, tensors) !== sha256) throw new Error('its checksum is wrong: it was cut off or changed');
  const meta = parseJson(training);
  if (typeof meta !== 'object' || meta === null) throw new Error('its header says nothing of the training');
  return { meta, tensors };
}

function checksum(training: string, tensors: readonly StoredTensor[]): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([training, tensors.map(({ name, dtype, shape }) => [name, dtype, shape])]));
  for (const { data } of tensors) updateHash(hash, bytesOf(data));
  return hash.digest('hex');
}

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
