/** What a JPEG's header says, without decoding: ITU-T T.81, Annex B; Exif 2.3, 4.5. */
export interface JpegHeader {
  width: number;
  height: number;
  /** 1 grey, 3 colour, 4 CMYK or YCCK. */
  components: number;
  /** The Exif tag, 1 (upright) to 8. */
  orientation: number;
  /** Whether its end is there, or else it was cut off. */
  ends: boolean;
  /** Of files whose rows are coded one after the other, in one scan: how many are coded together, and where the height stands. */
  rows: { together: number; heightAt: number } | undefined;
}

const START = 0xffd8;
const APP1 = 0xe1;
const SCAN = 0xda;
/** SOF0 and SOF1: Huffman codes, in one pass. */
const LAST_SEQUENTIAL = 0xc1;
const END = Buffer.of(0xff, 0xd9);
const ORIENTATION = 0x0112;

/** Undefined where the bytes are not a JPEG, or end before its size is told. */
export function jpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== START) return undefined;
  let orientation = 1;
  let size: Pick<JpegHeader, 'width' | 'height' | 'components' | 'rows'> | undefined;
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] as number;
    // Fill bytes, and markers that stand alone.
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else {
      const length = view.getUint16(at + 2);
      // SOF0 to SOF15, without DHT, JPG and DAC.
      if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
        const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
        const components = bytes[at + 9] as number;
        size ??= {
          width,
          height,
          components,
          rows: marker <= LAST_SEQUENTIAL ? rowsOf(bytes, at, components) : undefined,
        };
      }
      // Not before: a preview in a segment has an end of its own.
      if (marker === SCAN) {
        // Of a scan of fewer components others follow.
        const rows = bytes[at + 4] === size?.components ? size?.rows : undefined;
        return size && { ...size, rows, orientation, ends: endsAfter(bytes, at) };
      }
      if (marker === APP1) orientation = exifOrientation(bytes.subarray(at + 4, at + 2 + length)) ?? orientation;
      at += 2 + length;
    }
  }
  return size && { ...size, rows: undefined, orientation, ends: false };
}

/** @param at of the frame's marker; each component has its number, its sampling factors (across in the upper four bits), and its table. */
function rowsOf(bytes: Uint8Array, at: number, components: number): JpegHeader['rows'] {
  const down = Array.from({ length: components }, (_, i) => (bytes[at + 11 + 3 * i] as number) & 15);
  return { together: 8 * (components === 1 ? 1 : Math.max(...down)), heightAt: at + 5 };
}

/**
 * A copy of the file that ends after `rows` rows, so that no decoder works through what lies below. The rows above are the same, since more than
 * those asked for are kept. The file itself where it has hardly more, or where its rows are not coded one after the other.
 */
export function shortened(bytes: Uint8Array, { rows: coded, height }: JpegHeader, rows: number): Uint8Array {
  if (!coded) return bytes;
  const { together, heightAt } = coded;
  // Colours at the last row are interpolated with those of the next ones.
  const kept = (Math.ceil(rows / together) + 1) * together;
  if (kept >= height) return bytes;
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setUint16(heightAt, kept);
  return copy;
}

/** In a scan's data a byte of 255 is always followed by 0, so that the end's marker is none of the pixels. */
const endsAfter = (bytes: Uint8Array, at: number) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(END, at) >= 0;

function exifOrientation(segment: Uint8Array): number | undefined {
  if (segment.length < 14 || String.fromCharCode(...segment.subarray(0, 6)) !== 'Exif\0\0') return undefined;
  const view = new DataView(segment.buffer, segment.byteOffset + 6, segment.byteLength - 6);
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > view.byteLength) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > view.byteLength) return undefined;
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}
