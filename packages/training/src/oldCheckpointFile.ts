/**
 * The checkpoints of before safetensors, which are still read:
 *
 *     8 bytes   'RFCKPT01'
 *     4 bytes   length of the header, unsigned, little-endian
 *     header    JSON in UTF-8: { meta, tensors: [{ name, dtype, shape }] }, padded by spaces to a multiple of 4 bytes
 *     data      the tensors' values one after another in the header's order, float32 or int32, little-endian
 *     32 bytes  SHA-256 of everything before
 */
import { createHash } from 'node:crypto';
import { parseJson, shown } from '@refconv/files';
import { dataBytes, type StoredTensor, sizeOf, updateHash } from './storedTensor.js';

const MAGIC = Buffer.from('RFCKPT01', 'latin1');
const HASH_BYTES = 32;
const START = MAGIC.length + 4;

export function isOldCheckpoint(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/**
 * @throws {Error} saying what is wrong, if the bytes are not those of a whole and unchanged checkpoint.
 */
export function decodeOldCheckpoint(bytes: Uint8Array): { meta: unknown; tensors: StoredTensor[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < START + HASH_BYTES) throw new Error(`it has ${buffer.length} bytes: it was cut off`);
  const end = buffer.length - HASH_BYTES;
  const hash = createHash('sha256');
  updateHash(hash, buffer.subarray(0, end));
  if (!hash.digest().equals(buffer.subarray(end))) throw new Error('its checksum is wrong: it was cut off or changed');

  const dataStart = START + buffer.readUInt32LE(MAGIC.length);
  if (dataStart > end) throw new Error('its header is longer than the file');
  const { meta, tensors } = parseJson(buffer.toString('utf8', START, dataStart)) as {
    meta: unknown;
    tensors: Omit<StoredTensor, 'data'>[];
  };
  checkHeader(meta, tensors);
  if (dataStart + dataBytes(tensors) !== end) throw new Error('its tensors do not fill the file');
  let offset = dataStart;
  const filled = tensors.map((tensor) => {
    const length = 4 * sizeOf(tensor.shape);
    // A copy, because a typed array must start at a multiple of 4 bytes.
    const { buffer: copy } = Uint8Array.from(buffer.subarray(offset, offset + length));
    offset += length;
    return { ...tensor, data: tensor.dtype === 'int32' ? new Int32Array(copy) : new Float32Array(copy) };
  });
  return { meta, tensors: filled };
}

/** A checksum is no proof of sense: whoever forges a file can compute it. */
function checkHeader(meta: unknown, tensors: readonly Omit<StoredTensor, 'data'>[]): void {
  if (typeof meta !== 'object' || meta === null) throw new Error('its header says nothing of the training');
  if (!Array.isArray(tensors)) throw new Error('its header has no list of tensors');
  const names = new Set<unknown>();
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor ?? {};
    const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0;
    if (typeof name !== 'string' || names.has(name)) throw new Error('a tensor has no name, or that of another');
    names.add(name);
    if (!['float32', 'int32'].includes(dtype) || !Array.isArray(shape) || !shape.every(isSize)) {
      throw new Error(`its header is wrong about the tensor ${shown(name)}`);
    }
  }
}
