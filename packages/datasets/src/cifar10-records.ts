/**
 * The official binary layout (https://www.cs.toronto.edu/~kriz/cifar.html): a record is one label byte and 3072 pixel
 * bytes, 1024 of red, then green, then blue, each row by row; a file is records and nothing else.
 */
const SIDE = 32;
const PLANE = SIDE * SIDE;
const IMAGE = 3 * PLANE;
const RECORD = 1 + IMAGE;

/** @throws {Error} if a file of `size` bytes does not hold exactly `records` records. */
export function checkRecordFileSize(file: string, size: number, records: number): void {
  if (size === records * RECORD) return;
  const why =
    size % RECORD !== 0
      ? 'It is cut off, or not a CIFAR-10 binary file'
      : `It has ${size / RECORD} records: a part of a CIFAR-10 file, or several`;
  throw new Error(
    `${file} has ${size} bytes; expected ${records * RECORD} (${records} records of ${RECORD}). ` +
      `${why}. Delete it and unpack or download it again.`,
  );
}

/**
 * Converts the records of a file to `[n, 32, 32, 3]` images and labels, written from image `first` on.
 *
 * @param bytes whole records.
 * @throws {Error} if a label is above 9; names file and record.
 */
export function decodeRecords(
  file: string,
  bytes: Uint8Array,
  images: Uint8Array,
  labels: Uint8Array,
  first: number,
): void {
  const records = bytes.length / RECORD;
  for (let r = 0; r < records; r++) {
    const start = r * RECORD;
    const label = bytes[start];
    if (label > 9) {
      throw new Error(
        `${file}, record ${r} (from 0): label ${label} given, expected 0 to 9. The file is damaged or not CIFAR-10's ` +
          'binary version (CIFAR-100 has two label bytes in a record); download it again.',
      );
    }
    labels[first + r] = label;
    const end = start + 1 + PLANE;
    for (let red = start + 1, out = (first + r) * IMAGE; red < end; red++, out += 3) {
      images[out] = bytes[red];
      images[out + 1] = bytes[red + PLANE];
      images[out + 2] = bytes[red + 2 * PLANE];
    }
  }
}
