/**
 * Reads what torch.save writes: since PyTorch 1.6 a zip archive, before that pickles and raw data in a row. The formats are
 * described by code alone: pytorch, torch/serialization.py, `_save` and `_legacy_save`.
 */

import { ByteReader, type ByteSource, decodeText, memoryBytes, WeightsError } from './bytes.js';
import { ELEMENT_BYTES } from './elements.js';
import { findTensors, normalizeState, notMade } from './normalize.js';
import { PassedOver, type PickleHost, type PickleValue, readPickle } from './pickle.js';
import type { TorchState } from './torchState.js';
import { type Storage, torchHost } from './torchTensor.js';
import { readZip } from './zip.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** Tensors may share storages and repeat elements, so a small file can describe more than fits into memory. */
const MAX_ELEMENTS_PER_BYTE = 4;
const MAX_ELEMENTS_ANYWAY = 2 ** 22;

/** @throws WeightsError unless the bytes are as many as the storage's elements take. */
function fill(key: string, storage: Storage, size: number, read: () => Uint8Array): void {
  const expected = storage.count * ELEMENT_BYTES[storage.type];
  if (size !== expected) {
    throw new WeightsError(
      `The storage ${key} has ${size} bytes; ${storage.count} elements of ${storage.type} take ${expected}.`,
    );
  }
  storage.read = read;
}

function readArchive(source: ByteSource): PickleValue {
  const files = readZip(source);
  const pickles = [...files].filter(([name]) => /(^|\/)data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new WeightsError(
      `The zip archive is not of torch.save: it holds ${pickles.length} files data.pkl; expected one.`,
    );
  }
  const [name, data] = pickle;
  const folder = name.slice(0, -'data.pkl'.length);
  if (files.has(`${folder}constants.pkl`)) {
    throw new WeightsError(
      'The file is a program of TorchScript (torch.jit.save), not a state_dict. Save its weights alone in PyTorch: ' +
        'torch.save(torch.jit.load(path).state_dict(), other).',
    );
  }
  const order = files.get(`${folder}byteorder`);
  if (order && decodeText(order.read(), 'The byte order').trim() !== 'little') {
    throw new WeightsError(
      'The file was written on a big-endian machine, which is not read; save it on a little-endian one.',
    );
  }
  const host = torchHost();
  const value = readPickle(new ByteReader(data.read()), host);
  for (const [key, storage] of host.storages) {
    const data = files.get(`${folder}data/${key}`);
    if (!data) throw new WeightsError(`The archive lacks ${folder}data/${key}, the data of a tensor.`);
    fill(key, storage, data.size, data.read);
  }
  return value;
}

/** Knows no name at all: for the pickles before the one with the tensors. */
const plain: PickleHost = {
  global: () => undefined,
  persistent: () => {
    throw new WeightsError('The file refers to a storage where none can be.');
  },
};

/** Pickles of the magic number, the version, the machine, the object and the storages' keys; then each storage's count and data. */
function readLegacy(bytes: Uint8Array): PickleValue {
  const reader = new ByteReader(bytes);
  const magic = readPickle(reader, plain);
  if (magic instanceof PassedOver) throw new WeightsError(`The file holds no state_dict. ${notMade(magic)}`);
  if (magic !== MAGIC) {
    throw new WeightsError('The file is a pickle, but not of torch.save; expected a state_dict that torch.save wrote.');
  }
  const protocol = readPickle(reader, plain);
  if (protocol !== PROTOCOL)
    throw new WeightsError(`The file's protocol is ${String(protocol)}; expected ${PROTOCOL}.`);
  // sys_info: sizes and byte order of the machine. The data are little-endian whatever it says.
  readPickle(reader, plain);
  const host = torchHost();
  const value = readPickle(reader, host);
  const keys = readPickle(reader, plain);
  if (!Array.isArray(keys)) throw new WeightsError("The file lacks the list of its storages' keys; it is damaged.");
  for (const key of keys) {
    const storage = typeof key === 'string' ? host.storages.get(key) : undefined;
    if (!storage || storage.read)
      throw new WeightsError("The list of the storages' keys is wrong; the file is damaged.");
    const count = reader.u64(`the size of the storage ${key}`);
    const data = reader.take(count * ELEMENT_BYTES[storage.type], `the storage ${key}`);
    fill(String(key), storage, data.length, () => data);
  }
  return value;
}

/** Whether these are the first bytes of a zip archive. */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === 0x04034b50;

/** Whether these are the first bytes of a pickle of protocols 2 to 5. */
export const isPickle = (bytes: Uint8Array): boolean => bytes[0] === 0x80 && [2, 3, 4, 5].includes(bytes[1] as number);

/**
 * The weights in a .pth, .pt or .th file, as float32: of a state_dict, or of one in a dictionary (under `state_dict`, `model` and the like); names as
 * `normalizeState` leaves them. Nothing in the file is executed: objects beside the weights are passed over.
 * @throws WeightsError if the file is damaged, or holds something else than a state_dict.
 * @example
 * ```ts
 * const bytes = await (await fetch('checkpoint.pth')).arrayBuffer();
 * const state = readTorchFile(new Uint8Array(bytes));
 * ```
 */
export function readTorchFile(file: Uint8Array | ByteSource): TorchState {
  const source = file instanceof Uint8Array ? memoryBytes(file) : file;
  const start = source.read(0, Math.min(4, source.size));
  if (!isZip(start) && !isPickle(start)) {
    throw new WeightsError('The file is neither a zip archive nor a pickle, so torch.save did not write it.');
  }
  const tensors = findTensors(isZip(start) ? readArchive(source) : readLegacy(source.read(0, source.size)));
  const elements = [...tensors.values()].reduce((sum, { count }) => sum + count, 0);
  if (elements > Math.max(MAX_ELEMENTS_ANYWAY, source.size * MAX_ELEMENTS_PER_BYTE)) {
    throw new WeightsError(
      `The file of ${source.size} bytes describes tensors of ${elements} elements; it is damaged or a trap.`,
    );
  }
  return normalizeState(new Map([...tensors].map(([key, tensor]) => [key, tensor.contiguous()])));
}
