/** NumPy's file format for one array (numpy.lib.format, versions 1.0 to 3.0), as far as floats and integers go. */
import { readBytes, writeAtomically } from '@refconv/files';

export interface NpyArray<Data = Float32Array> {
  shape: number[];
  /** In C order. */
  data: Data;
}

const MAGIC = '\x93NUMPY';

/** The types of numbers that a kind of array may have in its file, and how their bytes are read. */
interface NumberTypes<Data> {
  expected: string;
  read: Record<string, { bytes: number; from(buffer: ArrayBuffer): Data }>;
}

const FLOATS: NumberTypes<Float32Array> = {
  expected: "float32 ('<f4'): save array.astype(numpy.float32)",
  read: {
    '<f4': { bytes: 4, from: (buffer) => new Float32Array(buffer) },
    '<f8': { bytes: 8, from: (buffer) => Float32Array.from(new Float64Array(buffer)) },
  },
};

const INTEGERS: NumberTypes<Int32Array> = {
  expected: "int32 ('<i4') or uint8 ('|u1'): save array.astype(numpy.int32)",
  read: {
    '|u1': { bytes: 1, from: (buffer) => Int32Array.from(new Uint8Array(buffer)) },
    '<i4': { bytes: 4, from: (buffer) => new Int32Array(buffer) },
    '<i8': { bytes: 8, from: (buffer) => Int32Array.from(new BigInt64Array(buffer), Number) },
  },
};

/** @throws Error where the bytes are no such array: says what is wrong. */
export const parseNpy = (bytes: Uint8Array) => parse(bytes, FLOATS);

/** The same of integers. */
export const parseLabels = (bytes: Uint8Array) => parse(bytes, INTEGERS);

function parse<Data>(bytes: Uint8Array, types: NumberTypes<Data>): NpyArray<Data> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 10 || buffer.toString('latin1', 0, 6) !== MAGIC) {
    throw new Error('It is no .npy file: it does not begin with \\x93NUMPY. Write it with numpy.save.');
  }
  const longHeader = (buffer[6] as number) >= 2;
  const start = longHeader ? 12 : 10;
  const length = longHeader ? buffer.readUInt32LE(8) : buffer.readUInt16LE(8);
  const header = buffer.toString('latin1', start, start + length);
  const entry = (name: string, value: string) => new RegExp(`['"]${name}['"]\\s*:\\s*${value}`).exec(header)?.[1];
  const type = entry('descr', `['"]([^'"]*)['"]`);
  const shapeText = entry('shape', '\\(([^)]*)\\)');
  const order = entry('fortran_order', '(True|False)');
  if (type === undefined || shapeText === undefined || order === undefined) {
    throw new Error('Its header is damaged: it does not state descr, fortran_order and shape.');
  }
  const numbers = Object.hasOwn(types.read, type) ? types.read[type] : undefined;
  if (!numbers) throw new Error(`Its numbers are of the type ${type}; expected ${types.expected}.`);
  if (order === 'True') throw new Error('It is in Fortran order; save numpy.ascontiguousarray(array).');
  const shape = shapeText
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const elements = shape.reduce((product, n) => product * n, 1);
  const data = buffer.subarray(start + length);
  if (data.length !== elements * numbers.bytes) {
    throw new Error(
      `Its header states ${elements} numbers of shape (${shape}), ${elements * numbers.bytes} bytes; it has ${data.length}. It is cut off or damaged.`,
    );
  }
  // Copied, since a typed array must begin at a multiple of its width.
  return { shape, data: numbers.from(new Uint8Array(data).buffer) };
}

/** A float32 or int32 array as the bytes of a .npy file. */
export function formatNpy({ shape, data }: NpyArray<Float32Array | Int32Array>): Uint8Array {
  const type = data instanceof Int32Array ? '<i4' : '<f4';
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Padded so that the data begin at a multiple of 64.
  const header = `${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`;
  const start = Buffer.alloc(10);
  start.write(`${MAGIC}\x01\x00`, 'latin1');
  start.writeUInt16LE(header.length, 8);
  return Buffer.concat([
    start,
    Buffer.from(header, 'latin1'),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

/** @throws Error that names the file. */
export const readNpy = (path: string) => read(path, FLOATS);

/** Integers from a file. @throws Error that names the file. */
export const readLabels = (path: string) => read(path, INTEGERS);

async function read<Data>(path: string, types: NumberTypes<Data>): Promise<NpyArray<Data>> {
  try {
    return parse(await readBytes(path), types);
  } catch (error) {
    throw new Error(`${path} cannot be used. ${(error as Error).message}`, { cause: error });
  }
}

export async function writeNpy(path: string, array: NpyArray<Float32Array | Int32Array>): Promise<void> {
  await writeAtomically(path, [formatNpy(array)]);
}
