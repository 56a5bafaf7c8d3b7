/**
 * Reads arrays of structures from MATLAB files of level 5, as far as ImageNet's devkit needs it. Layout: "MAT-File Format",
 * MathWorks, R2019b, chapter 1.
 */
import { inflateSync } from 'node:zlib';

/** A field's value: text, or numbers. */
export type MatValue = string | number[];

const MATRIX = 14;
const COMPRESSED = 15;
const [CELL, STRUCT, CHAR] = [1, 2, 4];
const HEADER = 128;

/** Element types: how many bytes, and how they are read. */
const NUMBERS: Record<number, { bytes: number; read: (view: DataView, at: number) => number }> = {
  1: { bytes: 1, read: (v, at) => v.getInt8(at) },
  2: { bytes: 1, read: (v, at) => v.getUint8(at) },
  3: { bytes: 2, read: (v, at) => v.getInt16(at, true) },
  4: { bytes: 2, read: (v, at) => v.getUint16(at, true) },
  5: { bytes: 4, read: (v, at) => v.getInt32(at, true) },
  6: { bytes: 4, read: (v, at) => v.getUint32(at, true) },
  7: { bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  9: { bytes: 8, read: (v, at) => v.getFloat64(at, true) },
  16: { bytes: 1, read: (v, at) => v.getUint8(at) },
  17: { bytes: 2, read: (v, at) => v.getUint16(at, true) },
};

interface Element {
  type: number;
  data: Uint8Array;
  /** Where the next one begins. */
  end: number;
}

/**
 * The elements of the array of structures `variable`, each a map from field to value.
 * @throws {Error} if the file is damaged, of another version, or lacks the variable.
 */
export function readStructures(file: Uint8Array, variable: string, path: string): Map<string, MatValue>[] {
  try {
    if (file.length < HEADER || file[126] !== 0x49 || file[127] !== 0x4d) throw new Error('its header is another');
    for (let at = HEADER; at + 8 <= file.length; ) {
      const element = elementAt(file, at);
      at = element.end;
      const matrix = element.type === COMPRESSED ? elementAt(inflateSync(element.data), 0) : element;
      if (matrix.type !== MATRIX) continue;
      const { kind, name, rest } = openMatrix(matrix.data);
      if (name === variable && kind === STRUCT) return structures(matrix.data, rest);
    }
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`${path} cannot be read as a MATLAB file of level 5: ${why}. Get it again.`, { cause: error });
  }
  throw new Error(`${path} has no array of structures "${variable}". Get it again.`);
}

function elementAt(bytes: Uint8Array, at: number): Element {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = view.getUint32(at, true);
  const small = tag >>> 16;
  const [type, size, start] = small > 0 ? [tag & 0xffff, small, at + 4] : [tag, view.getUint32(at + 4, true), at + 8];
  if (start + size > bytes.length) throw new Error('it is cut off');
  const padded = type === COMPRESSED ? size : Math.ceil(size / 8) * 8;
  return { type, data: bytes.subarray(start, start + size), end: small > 0 ? at + 8 : start + padded };
}

function numbers({ type, data }: Element): number[] {
  const kind = NUMBERS[type];
  if (!kind) throw new Error(`it has values of the unknown type ${type}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.length / kind.bytes }, (_, i) => kind.read(view, i * kind.bytes));
}

function openMatrix(data: Uint8Array) {
  const flags = elementAt(data, 0);
  const dimensions = elementAt(data, flags.end);
  const name = elementAt(data, dimensions.end);
  const length = numbers(dimensions).reduce((a, b) => a * b, 1);
  return { kind: flags.data[0] as number, length, name: Buffer.from(name.data).toString('latin1'), rest: name.end };
}

function structures(data: Uint8Array, start: number): Map<string, MatValue>[] {
  const { length } = openMatrix(data);
  const width = elementAt(data, start);
  const names = elementAt(data, width.end);
  const [size = 1] = numbers(width);
  const fields = Array.from({ length: names.data.length / size }, (_, i) => {
    const name = Buffer.from(names.data.subarray(i * size, (i + 1) * size)).toString('latin1');
    return name.replace(/\0.*$/s, '');
  });
  let at = names.end;
  return Array.from({ length }, () => {
    const row = new Map<string, MatValue>();
    for (const field of fields) {
      const element = elementAt(data, at);
      at = element.end;
      row.set(field, element.data.length === 0 ? [] : value(element.data));
    }
    return row;
  });
}

function value(data: Uint8Array): MatValue {
  const { kind, length, rest } = openMatrix(data);
  if (kind === CHAR) return length === 0 ? '' : String.fromCharCode(...numbers(elementAt(data, rest)));
  return kind === STRUCT || kind === CELL || length === 0 ? [] : numbers(elementAt(data, rest));
}
