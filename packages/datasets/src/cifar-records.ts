/**
 * The official binary layout (https://www.cs.toronto.edu/~kriz/cifar.html): a record is one label byte (CIFAR-100: the
 * coarse label, then the fine one) and 3072 pixel bytes, 1024 of red, then green, then blue, each row by row; a file is
 * records and nothing else.
 */
const SIDE = 32;
const PLANE = SIDE * SIDE;
const IMAGE = 3 * PLANE;

/** How a variant's records begin. */
export interface RecordLayout {
  /** `CIFAR-10`, for messages. */
  title: string;
  /** Label bytes; the last one counts. */
  labelBytes: number;
  /** Labels are below it. */
  classCount: number;
}

/** @throws {Error} if a file of `size` bytes does not hold exactly `records` records. */
export function checkRecordFileSize(layout: RecordLayout, file: string, size: number, records: number): void {
  const recordSize = layout.labelBytes + IMAGE;
  if (size === records * recordSize) return;
  const why =
    size % recordSize !== 0
      ? `It is cut off, or not a ${layout.title} binary file`
      : `It has ${size / recordSize} records: a part of a ${layout.title} file, or several`;
  throw new Error(
    `${file} has ${size} bytes; expected ${records * recordSize} (${records} records of ${recordSize}). ` +
      `${why}. Delete it and unpack or download it again.`,
  );
}

/**
 * Converts the records of a file to `[n, 32, 32, 3]` images and labels, written from image `first` on.
 *
 * @param bytes whole records.
 * @throws {Error} if a label is too large; names file and record.
 */
export function decodeRecords(
  { title, labelBytes, classCount }: RecordLayout,
  file: string,
  bytes: Uint8Array,
  images: Uint8Array,
  labels: Uint8Array,
  first: number,
): void {
  const recordSize = labelBytes + IMAGE;
  const records = bytes.length / recordSize;
  for (let r = 0; r < records; r++) {
    const pixels = r * recordSize + labelBytes;
    const label = bytes[pixels - 1];
    if (label >= classCount) {
      throw new Error(
        `${file}, record ${r} (from 0): label ${label} given, expected 0 to ${classCount - 1}. The file is damaged or ` +
          `not ${title}'s binary version (CIFAR-100 has two label bytes in a record, CIFAR-10 one); download it again.`,
      );
    }
    labels[first + r] = label;
    const end = pixels + PLANE;
    for (let red = pixels, out = (first + r) * IMAGE; red < end; red++, out += 3) {
      images[out] = bytes[red];
      images[out + 1] = bytes[red + PLANE];
      images[out + 2] = bytes[red + 2 * PLANE];
    }
  }
}
