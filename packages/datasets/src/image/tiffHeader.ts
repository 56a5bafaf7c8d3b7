/** How a TIFF's first picture keeps its colours: TIFF 6.0, section 2; tags 259, 262, 530. */
export interface TiffHeader {
  compression: number;
  photometric: number;
  /** How many pixels share a colour difference, across and down. */
  subsampling: [number, number];
}

const TAGS = { compression: 259, photometric: 262, subsampling: 530 };

/** Undefined where the bytes are no TIFF of at most 4 GB, or end before. */
export function tiffHeader(bytes: Uint8Array): TiffHeader | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = view.getUint16(0) === 0x4949;
  if ((!little && view.getUint16(0) !== 0x4d4d) || view.getUint16(2, little) !== 42) return undefined;
  const directory = view.getUint32(4, little);
  if (directory + 2 > bytes.length) return undefined;
  const header: TiffHeader = { compression: 1, photometric: 0, subsampling: [2, 2] };
  for (let i = 0; i < view.getUint16(directory, little); i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > bytes.length) return undefined;
    const [tag, value] = [view.getUint16(entry, little), view.getUint16(entry + 8, little)];
    if (tag === TAGS.compression) header.compression = value;
    if (tag === TAGS.photometric) header.photometric = value;
    if (tag === TAGS.subsampling) header.subsampling = [value, view.getUint16(entry + 10, little)];
  }
  return header;
}
