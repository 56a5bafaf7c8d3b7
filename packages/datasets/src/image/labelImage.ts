/** Label images: PNGs whose values are the numbers of classes, grey or with a palette. */
import { decode, encode, hasPngSignature } from 'fast-png';

/** One byte a pixel: the value, or the palette's index. */
export interface LabelImage {
  data: Uint8Array;
  width: number;
  height: number;
}

const SIZE = 24;

/** Height and width by the first bytes of a PNG. @throws Error where it is none. */
export function labelImageSize(bytes: Uint8Array): readonly [height: number, width: number] {
  if (bytes.length < SIZE || !hasPngSignature(bytes.subarray(0, 8))) throw new Error('it is not a PNG');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [view.getUint32(20), view.getUint32(16)];
}

/**
 * @param maxPixels larger ones are refused before they are decoded.
 * @throws Error where it is no whole PNG, has colours that are no palette, or values of more than a byte.
 * @example
 * ```ts
 * import { readBytes } from '@refconv/files';
 * const { data: classes, width, height } = decodeLabelImage(await readBytes('label.png'), 10_000_000);
 * ```
 */
export function decodeLabelImage(bytes: Uint8Array, maxPixels: number): LabelImage {
  const [rows, columns] = labelImageSize(bytes);
  if (rows * columns > maxPixels)
    throw new Error(`it has ${columns} x ${rows} pixels, more than maxPixels ${maxPixels} allows`);
  const { data, width, height, channels, depth } = decode(bytes, { checkCrc: true });
  if (channels !== 1)
    throw new Error(
      `it has ${channels} channels; expected a grey PNG, or one with a palette, whose values are classes`,
    );
  if (depth === 16) throw new Error('it has 16 bits a pixel; expected at most 8');
  return {
    data: depth === 8 ? Uint8Array.from(data) : unpacked(data as Uint8Array, { width, height, depth }),
    width,
    height,
  };
}

/** Several pixels a byte, each row from a new byte on. */
function unpacked(packed: Uint8Array, { width, height, depth }: { width: number; height: number; depth: number }) {
  const out = new Uint8Array(width * height);
  const stride = Math.ceil((width * depth) / 8);
  const mask = (1 << depth) - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      out[y * width + x] = ((packed[y * stride + (bit >> 3)] as number) >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

/**
 * A grey PNG whose values are these.
 * @example
 * ```ts
 * const png = encodeLabelImage({ data: new Uint8Array([0, 1, 1, 255]), width: 2, height: 2 });
 * ```
 */
export const encodeLabelImage = ({ data, width, height }: LabelImage): Uint8Array =>
  encode({ data, width, height, channels: 1, depth: 8 });
