/** PBM, PGM and PPM, plain and binary: https://netpbm.sourceforge.net/doc/#formats. */
import type { Undecoded } from './image.js';

const FORMATS = ['pbm', 'pgm', 'ppm'] as const;
/** White space and comments, then a number: the header's way, and of the plain formats' samples. */
const NUMBER = /(?:\s|#[^\n]*\n)*(\d+)/y;
/** The longest header that is looked at, comments included. */
const HEADER = 4096;

/** @throws if the header is wrong. */
export function openNetpbm(bytes: Uint8Array): Undecoded {
  const kind = (bytes[1] as number) - 0x30;
  const [format, isPlain] = [FORMATS[(kind - 1) % 3] as (typeof FORMATS)[number], kind <= 3];
  const header = Buffer.from(bytes.subarray(0, HEADER)).toString('latin1');
  NUMBER.lastIndex = 2;
  const next = () => {
    const found = NUMBER.exec(header);
    if (!found) throw new Error(`its ${format} header is cut off or damaged`);
    return Number(found[1]);
  };
  const [width, height] = [next(), next()];
  const greatest = format === 'pbm' ? 1 : next();
  // One white space ends the header.
  const start = NUMBER.lastIndex || 0;
  if (width < 1 || height < 1 || greatest < 1 || greatest > 65535)
    throw new Error(`its ${format} header states ${width} x ${height} pixels and a greatest value of ${greatest}`);
  const channels = format === 'ppm' ? 3 : 1;
  const decode = () => {
    const values = isPlain
      ? plainSamples(bytes.subarray(start), width * height * channels, format === 'pbm')
      : binarySamples(bytes.subarray(start + 1), { width, height, channels, greatest, packed: format === 'pbm' });
    const data = new Uint8Array(3 * width * height);
    for (let i = 0; i < data.length; i++) {
      const value = values[channels === 3 ? i : Math.floor(i / 3)] as number;
      data[i] =
        format === 'pbm'
          ? 255 * (1 - value)
          : greatest === 255
            ? value
            : Math.min(255, roundToEven((value / greatest) * 255));
    }
    return { data, width, height };
  };
  return { format, width, height, decode };
}

/** As Python rounds, and so Pillow. */
function roundToEven(value: number): number {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

function plainSamples(bytes: Uint8Array, count: number, digits: boolean): ArrayLike<number> {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/#[^\n]*/g, ' ');
  const found = text.match(digits ? /[01]/g : /\d+/g) ?? [];
  if (found.length < count) throw new Error(`it ends after ${found.length} of ${count} values`);
  return Uint32Array.from(found.slice(0, count), Number);
}

function binarySamples(
  bytes: Uint8Array,
  form: { width: number; height: number; channels: number; greatest: number; packed: boolean },
): ArrayLike<number> {
  const { width, height, channels, greatest, packed } = form;
  const row = packed ? Math.ceil(width / 8) : width * channels * (greatest > 255 ? 2 : 1);
  if (bytes.length < row * height) throw new Error(`it ends after ${bytes.length} of ${row * height} bytes of pixels`);
  if (packed)
    return Uint8Array.from(
      { length: width * height },
      (_, i) => ((bytes[row * Math.floor(i / width) + ((i % width) >> 3)] as number) >> (7 - ((i % width) & 7))) & 1,
    );
  if (greatest <= 255) return bytes;
  return Uint16Array.from(
    { length: width * height * channels },
    (_, i) => 256 * (bytes[2 * i] as number) + (bytes[2 * i + 1] as number),
  );
}
