/** Reads and writes safetensors (https://github.com/huggingface/safetensors#format): 8 bytes of header length, a JSON header, the data. */

import { ByteReader, type ByteSource, decodeText, memoryBytes, partOf, WeightsError } from './bytes.js';
import { ELEMENT_BYTES, type ElementType, elementCount, isElementType, toFloat32 } from './elements.js';
import type { TorchState } from './torchState.js';

/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
/** The largest models have some ten thousand. */
const MAX_TENSORS = 2 ** 18;

interface Entry {
  name: string;
  type: ElementType;
  shape: number[];
  begin: number;
  end: number;
}

/** A key that an object of this JSON text, already known to be valid, holds twice; JSON.parse would keep the last in silence. */
function duplicateKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    if (json[at] === '{') objects.push(new Set());
    else if (json[at] === '}') objects.pop();
    else if (json[at] === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      let next = at + 1;
      while (next < json.length && ' \t\n\r'.includes(json[next] as string)) next++;
      if (json[next] !== ':') continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      const keys = objects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  const text = decodeText(bytes, 'The safetensors header');
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new WeightsError(`The safetensors header is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(header)) throw new WeightsError('The safetensors header is not a JSON object.');
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw new WeightsError(`The safetensors header holds the key '${duplicate}' twice.`);
  const metadata = header.__metadata__;
  if (metadata !== undefined && !(isObject(metadata) && Object.values(metadata).every((v) => typeof v === 'string'))) {
    throw new WeightsError("The safetensors header's __metadata__ is not an object of texts.");
  }
  return header;
}

/** An entry of the header, checked against itself and against the bytes of data there are. */
function checkEntry(name: string, value: unknown, available: number): Entry {
  const fail = (problem: string) =>
    new WeightsError(`The safetensors header is wrong about the tensor '${name}': ${problem}.`);
  if (!isObject(value)) throw fail('its entry is not an object');
  const { dtype: type, shape, data_offsets: offsets } = value;
  if (!isElementType(type)) {
    throw fail(
      `dtype ${JSON.stringify(type) ?? 'not given'} is not read; expected one of ${Object.keys(ELEMENT_BYTES).join(', ')}`,
    );
  }
  const count = elementCount(shape);
  if (count === undefined) throw fail(`shape ${JSON.stringify(shape) ?? 'not given'} is not a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((v) => Number.isSafeInteger(v) && v >= 0)) {
    throw fail(`data_offsets ${JSON.stringify(offsets) ?? 'not given'} are not two byte positions`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > available) {
    throw fail(`data_offsets [${begin}, ${end}] are not in the file's ${available} bytes of data`);
  }
  const expected = count * ELEMENT_BYTES[type];
  if (end - begin !== expected) {
    throw fail(`${end - begin} bytes are given; shape [${shape}] of ${type} takes ${expected}`);
  }
  return { name, type, shape: [...(shape as number[])], begin, end };
}

/** The texts that the file holds besides its tensors. @throws WeightsError as {@link readSafetensors}. */
export function safetensorsMetadata(file: Uint8Array | ByteSource): Record<string, string> {
  return (readHeader(sourceOf(file)).header.__metadata__ ?? {}) as Record<string, string>;
}

const sourceOf = (file: Uint8Array | ByteSource) => (file instanceof Uint8Array ? memoryBytes(file) : file);

function readHeader(source: ByteSource): { header: Record<string, unknown>; start: number } {
  const length = new ByteReader(partOf(source, 0, 8, 'the length of the safetensors header')).u64(
    'the length of the safetensors header',
  );
  if (length > MAX_HEADER_BYTES) {
    throw new WeightsError(`The safetensors header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed.`);
  }
  return { header: parseHeader(partOf(source, 8, length, 'the safetensors header')), start: 8 + length };
}

/** A tensor of a file, as it is stored. */
export interface SafetensorsEntry {
  name: string;
  type: ElementType;
  shape: readonly number[];
  /** Its bytes, little-endian, row-major. */
  read(): Uint8Array;
}

/**
 * The tensors of a safetensors file in the order of their data, and the texts beside them.
 * @throws WeightsError that names the tensor where the header does not hold together: sizes, offsets, gaps, overlaps, duplicates.
 * @example
 * ```ts
 * const bytes = await (await fetch('model.safetensors')).arrayBuffer();
 * const { entries, metadata } = safetensorsEntries(new Uint8Array(bytes));
 * console.log(entries.map(({ name, type, shape }) => `${name} ${type} [${shape}]`), metadata);
 * ```
 */
export function safetensorsEntries(file: Uint8Array | ByteSource): {
  entries: SafetensorsEntry[];
  metadata: Record<string, string>;
} {
  const source = sourceOf(file);
  const { header, start } = readHeader(source);
  const available = source.size - start;
  const count = Object.keys(header).length;
  if (count > MAX_TENSORS) throw new WeightsError(`The file lists ${count} tensors; at most ${MAX_TENSORS} are read.`);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => checkEntry(name, value, available))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const problem = begin < at ? 'overlaps the tensor before it' : `leaves a gap of ${begin - at} bytes before it`;
      throw new WeightsError(
        `The safetensors header is wrong: the tensor '${name}' begins at byte ${begin} and ${problem}.`,
      );
    }
    at = end;
  }
  if (at !== available) {
    throw new WeightsError(
      `The safetensors file has ${available - at} bytes after its last tensor that belong to none.`,
    );
  }
  return {
    entries: entries.map(({ name, type, shape, begin, end }) => ({
      ...{ name, type, shape },
      read: () => source.read(start + begin, end - begin),
    })),
    metadata: (header.__metadata__ ?? {}) as Record<string, string>,
  };
}

/**
 * The tensors of a safetensors file as float32, in the order of their data. Integers and booleans are converted too, batch norm's
 * counter `num_batches_tracked` among them (`normalizeState` drops it).
 * @throws WeightsError as {@link safetensorsEntries}.
 * @example
 * ```ts
 * const bytes = await (await fetch('model.safetensors')).arrayBuffer();
 * const state = readSafetensors(new Uint8Array(bytes));
 * ```
 */
export function readSafetensors(file: Uint8Array | ByteSource): TorchState {
  const { entries } = safetensorsEntries(file);
  return new Map(
    entries.map(({ name, type, shape, read }) => [name, { shape: [...shape], data: toFloat32(type, read()) }]),
  );
}

/**
 * What a file begins with, before the tensors' bytes one after the other; they begin at a multiple of 8.
 * @param metadata texts to go with it, as `{ format: 'pt' }`
 * @throws WeightsError where a name cannot be, or the header would be too long.
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * const header = safetensorsHeader([{ name: 'bias', type: 'F32', shape: [10] }], { format: 'pt' });
 * await writeFile('bias.safetensors', Buffer.concat([header, new Uint8Array(40)]));
 * ```
 */
export function safetensorsHeader(
  tensors: readonly Pick<SafetensorsEntry, 'name' | 'type' | 'shape'>[],
  metadata?: Record<string, string>,
): Uint8Array {
  const lines = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : [];
  let total = 0;
  for (const { name, type, shape } of tensors) {
    if (name === '__metadata__') throw new WeightsError("A tensor cannot have the name '__metadata__'.");
    const end = total + (elementCount(shape) ?? 0) * ELEMENT_BYTES[type];
    lines.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: type, shape, data_offsets: [total, end] })}`);
    total = end;
  }
  const text = new TextEncoder().encode(`{${lines.join(',')}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES)
    throw new WeightsError(`The header would take ${length} bytes; too many for safetensors.`);
  const header = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

/**
 * A safetensors file, all float32, tensors in the state's order, data aligned to 8 bytes.
 * @param metadata texts to go with it, as `{ format: 'pt' }`
 * @throws WeightsError if a tensor's data are not as many as its shape says.
 * @example
 * ```ts
 * const bytes = writeSafetensors(torchState(model)); // to be sent or stored; `writeWeights` writes a file
 * ```
 */
export function writeSafetensors(state: TorchState, metadata?: Record<string, string>): Uint8Array {
  const tensors = Array.from(state, ([name, { shape, data }]) => {
    if (elementCount(shape) !== data.length) {
      throw new WeightsError(`The tensor '${name}' has ${data.length} values; its shape [${shape}] takes others.`);
    }
    return { name, type: 'F32' as const, shape, data };
  });
  const header = safetensorsHeader(tensors, metadata);
  const file = new Uint8Array(header.length + tensors.reduce((sum, { data }) => sum + data.byteLength, 0));
  file.set(header);
  let at = header.length;
  for (const { data } of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}
