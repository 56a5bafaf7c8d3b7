/**
 * The bytes of a checkpoint:
 *
 *     8 bytes   'RFCKPT01'
 *     4 bytes   length of the header, unsigned, little-endian
 *     header    JSON in UTF-8: { meta, tensors: [{ name, dtype, shape }] }, padded by spaces to a multiple of 4 bytes
 *     data      the tensors' values one after another in the header's order, float32 or int32, little-endian
 *     32 bytes  SHA-256 of everything before
 *
 * So a file that was cut off, or in which anything changed, is found out before any of it is used.
 */
import { createHash, type Hash } from 'node:crypto';
import { parseJson, shown } from '@refconv/files';

export interface StoredTensor {
  name: string;
  dtype: 'float32' | 'int32';
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

const MAGIC = Buffer.from('RFCKPT01', 'latin1');
const HASH_BYTES = 32;
const START = MAGIC.length + 4;

/** What a hash takes at once is less than 2 GiB. */
const HASHED_AT_ONCE = 2 ** 30;

function update(hash: Hash, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += HASHED_AT_ONCE) hash.update(bytes.subarray(at, at + HASHED_AT_ONCE));
}

/** How many bytes the tensors' values take in a file. */
export function dataBytes(tensors: readonly { shape: readonly number[] }[]): number {
  return tensors.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
}

/** The file's bytes in parts, to be written one after another; the values are not copied. */
export function* encodeCheckpoint(meta: unknown, tensors: readonly StoredTensor[]): Generator<Uint8Array> {
  const hash = createHash('sha256');
  const list = tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const json = Buffer.from(JSON.stringify({ meta, tensors: list }));
  const header = Buffer.concat([json, Buffer.alloc(-json.length & 3, ' ')]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  for (const part of [MAGIC, length, header, ...tensors.map(({ data }) => bytesOf(data))]) {
    update(hash, part);
    yield part;
  }
  yield hash.digest();
}

/**
 * @throws {Error} saying what is wrong, if the bytes are not those of a whole and unchanged checkpoint.
 */
export function decodeCheckpoint(bytes: Uint8Array): { meta: unknown; tensors: StoredTensor[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < START + HASH_BYTES) throw new Error(`it has ${buffer.length} bytes: it was cut off`);
  if (!buffer.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('it does not begin as a checkpoint does');
  const end = buffer.length - HASH_BYTES;
  const hash = createHash('sha256');
  update(hash, buffer.subarray(0, end));
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

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
