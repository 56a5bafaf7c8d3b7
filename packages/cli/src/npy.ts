/** NumPy's file format for one array (numpy.lib.format, versions 1.0 to 3.0), as far as float32 and float64 go. */
import { readBytes, writeAtomically } from '@refconv/files';

export interface NpyArray {
  shape: number[];
  /** In C order. */
  data: Float32Array;
}

const MAGIC = '\x93NUMPY';

/** @throws Error where the bytes are no such array: says what is wrong. */
export function parseNpy(bytes: Uint8Array): NpyArray {
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
  if (type !== '<f4' && type !== '<f8') {
    throw new Error(`Its numbers are of the type ${type}; expected float32 ('<f4'): save array.astype(numpy.float32).`);
  }
  if (order === 'True') throw new Error('It is in Fortran order; save numpy.ascontiguousarray(array).');
  const shape = shapeText
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const elements = shape.reduce((product, n) => product * n, 1);
  const width = type === '<f4' ? 4 : 8;
  const data = buffer.subarray(start + length);
  if (data.length !== elements * width) {
    throw new Error(
      `Its header states ${elements} numbers of shape (${shape}), ${elements * width} bytes; it has ${data.length}. It is cut off or damaged.`,
    );
  }
  // Copied, since a typed array must begin at a multiple of its width.
  const copy = new Uint8Array(data).buffer;
  return { shape, data: width === 4 ? new Float32Array(copy) : Float32Array.from(new Float64Array(copy)) };
}

/** A float32 array as the bytes of a .npy file. */
export function formatNpy({ shape, data }: NpyArray): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
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
export async function readNpy(path: string): Promise<NpyArray> {
  try {
    return parseNpy(await readBytes(path));
  } catch (error) {
    throw new Error(`${path} cannot be used. ${(error as Error).message}`, { cause: error });
  }
}

export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeAtomically(path, [formatNpy(array)]);
}
