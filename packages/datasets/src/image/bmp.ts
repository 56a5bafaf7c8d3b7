/** Windows bitmaps: https://learn.microsoft.com/windows/win32/gdi/bitmap-storage. */
import type { Undecoded } from './image.js';

const FILE_HEADER = 14;
const COMPRESSIONS = ['none', 'RLE8', 'RLE4', 'bit fields', 'JPEG', 'PNG', 'bit fields'];
/** Red, green and blue of a pixel, where the header has no masks of its own. */
const MASKS: Record<number, number[]> = { 16: [0x7c00, 0x03e0, 0x001f], 32: [0xff0000, 0xff00, 0xff] };

/** @throws if the header is wrong, or says something that is not read. */
export function openBmp(bytes: Uint8Array): Undecoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (position: number, size: 2 | 4) => {
    if (position + size > bytes.length) throw new Error(`it ends after ${bytes.length} bytes, inside its header`);
    return size === 2 ? view.getUint16(position, true) : view.getUint32(position, true);
  };
  const [start, headerSize] = [at(10, 4), at(14, 4)];
  const isOld = headerSize === 12;
  const [width, signedHeight] = isOld ? [at(18, 2), at(20, 2)] : [at(18, 4), at(22, 4) | 0];
  const bits = isOld ? at(24, 2) : at(28, 2);
  const compression = isOld ? 0 : at(30, 4);
  const height = Math.abs(signedHeight);
  const isRead = compression === 3 || compression === 6 ? bits in MASKS : compression === 0 || compression * bits === 8;
  if (!isRead || ![1, 4, 8, 16, 24, 32].includes(bits) || width < 1 || height < 1) {
    const packed = COMPRESSIONS[compression] ?? `kind ${compression}`;
    throw new Error(
      `it is a BMP of ${width} x ${height} pixels of ${bits} bits, compression ${packed}, which is not read`,
    );
  }
  const afterHeader = FILE_HEADER + headerSize;
  const masks = compression === 3 || compression === 6 ? [54, 58, 62].map((place) => at(place, 4)) : MASKS[bits];
  const palette = (index: number, channel: number) => {
    const place = afterHeader + (isOld ? 3 : 4) * index + 2 - channel;
    return place < start ? (bytes[place] ?? 0) : 0;
  };
  const decode = () => {
    const row = 4 * Math.ceil((width * bits) / 32);
    const body = bytes.subarray(start);
    const isPacked = compression === 1 || compression === 2;
    const indices = isPacked ? unpack(body, width, height, bits) : undefined;
    if (!isPacked && body.length < row * (height - 1) + Math.ceil((width * bits) / 8))
      throw new Error(`it ends after ${body.length} of ${row * height} bytes of pixels`);
    const data = new Uint8Array(3 * width * height);
    for (let y = 0; y < height; y++) {
      const line = (signedHeight > 0 ? height - 1 - y : y) * row;
      for (let x = 0; x < width; x++) {
        const to = 3 * (y * width + x);
        if (bits === 24) {
          for (let c = 0; c < 3; c++) data[to + c] = body[line + 3 * x + 2 - c] as number;
        } else if (masks) {
          const bytesEach = bits / 8;
          let pixel = 0;
          for (let k = bytesEach - 1; k >= 0; k--)
            pixel = (pixel * 256 + (body[line + bytesEach * x + k] as number)) >>> 0;
          for (let c = 0; c < 3; c++) data[to + c] = masked(pixel, masks[c] as number);
        } else {
          const bit = bits * x;
          const index = indices
            ? (indices[(signedHeight > 0 ? height - 1 - y : y) * width + x] as number)
            : ((body[line + (bit >> 3)] as number) >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
          for (let c = 0; c < 3; c++) data[to + c] = palette(index, c);
        }
      }
    }
    return { data, width, height };
  };
  return { format: 'bmp', width, height, decode };
}

/** The bits of a mask, brought to 0 to 255. */
function masked(pixel: number, mask: number): number {
  if (mask === 0) return 0;
  const lowest = (mask & -mask) >>> 0;
  return Math.floor(((((pixel & mask) >>> 0) / lowest) * 255) / (mask / lowest));
}

/** Run lengths (RLE8, RLE4) to a palette index for each pixel, from the file's first line on. */
function unpack(body: Uint8Array, width: number, height: number, bits: number): Uint8Array {
  const out = new Uint8Array(width * height);
  let [x, y, from] = [0, 0, 0];
  const byte = () => {
    if (from >= body.length) throw new Error(`it ends after ${body.length} bytes of pixels, in the middle`);
    return body[from++] as number;
  };
  const put = (index: number) => {
    if (x < width && y < height) out[y * width + x] = index;
    x++;
  };
  const nibble = (pair: number, i: number) => (bits === 8 ? pair : i % 2 ? pair & 15 : pair >> 4);
  for (;;) {
    const [count, value] = [byte(), byte()];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibble(value, i));
    } else if (value === 0) {
      [x, y] = [0, y + 1];
    } else if (value === 1) {
      return out;
    } else if (value === 2) {
      [x, y] = [x + byte(), y + byte()];
    } else {
      const begin = from;
      for (let i = 0, pair = 0; i < value; i++) {
        if (bits === 8 || i % 2 === 0) pair = byte();
        put(nibble(pair, i));
      }
      // Runs begin at even places.
      if ((from - begin) % 2) from++;
    }
  }
}
