/** Finds the files of a zip archive as torch.save writes it: stored, not compressed. APPNOTE.TXT, sections 4.3.7 to 4.3.16, 4.5.3. */
import { ByteReader, type ByteSource, decodeText, partOf, WeightsError } from './bytes.js';

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const HEADER_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;
const SIGNATURE = { file: 0x04034b50, entry: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator: 0x07064b50 };
/** In place of a number that only a zip64 record holds. */
const ELSEWHERE = 0xffffffff;
/** The zip64 record among an entry's extra fields. */
const ZIP64 = 1;

const damaged = (problem: string) => new WeightsError(`The zip archive is damaged: ${problem}. Fetch it again.`);

/** A file of the archive: how long it is, and its bytes. */
export interface ZipFile {
  readonly size: number;
  /** @throws WeightsError where it is compressed, encrypted or not where the directory says. */
  read(): Uint8Array;
}

/** The directory's bytes and how many files it lists. */
function directoryOf(source: ByteSource): { directory: Uint8Array; count: number } {
  const what = "the archive's end";
  const first = Math.max(0, source.size - END_BYTES - MAX_COMMENT_BYTES);
  const tail = partOf(source, first, source.size - first, what);
  const end = new ByteReader(tail, findEnd(tail));
  const at = first + end.offset;
  end.take(4, what);
  if (end.u16(what) || end.u16(what)) throw new WeightsError('The zip archive is split into several files.');
  const [, count] = [end.u16(what), end.u16(what)];
  const [length, offset] = [end.u32(what), end.u32(what)];
  const found =
    count === 0xffff || length === ELSEWHERE || offset === ELSEWHERE ? end64(source, at) : { count, length, offset };
  return { directory: partOf(source, found.offset, found.length, "the archive's directory"), count: found.count };
}

/** What the zip64 record says that belongs to the end record at `at`. */
function end64(source: ByteSource, at: number) {
  const what = "the archive's zip64 record";
  if (at < LOCATOR_BYTES) throw damaged('its zip64 record is missing');
  const locator = new ByteReader(partOf(source, at - LOCATOR_BYTES, LOCATOR_BYTES, what));
  if (locator.u32(what) !== SIGNATURE.locator) throw damaged('its zip64 record is missing');
  locator.take(4, what);
  const record = new ByteReader(partOf(source, locator.u64(what), END64_BYTES, what));
  if (record.u32(what) !== SIGNATURE.end64) throw damaged('its zip64 record is not where it should be');
  record.take(28, what);
  return { count: record.u64(what), length: record.u64(what), offset: record.u64(what) };
}

/** Where the record at the archive's end begins. */
function findEnd(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.length - END_BYTES; at >= 0; at--) {
    const comment = () => view.getUint16(at + 20, true);
    if (view.getUint32(at, true) === SIGNATURE.end && at + END_BYTES + comment() === bytes.length) return at;
  }
  throw damaged('its directory is missing, as in a truncated file');
}

/** One file, by its entry in the directory, where the reader stands. */
function readEntry(source: ByteSource, reader: ByteReader): [name: string, file: ZipFile] {
  const what = "the archive's directory";
  if (reader.u32(what) !== SIGNATURE.entry) throw damaged('its directory holds something else than files');
  reader.take(4, what);
  const flags = reader.u16(what);
  const method = reader.u16(what);
  reader.take(8, what);
  const sizes = [reader.u32(what), reader.u32(what)];
  const [nameLength, extraLength, commentLength] = [reader.u16(what), reader.u16(what), reader.u16(what)];
  reader.take(8, what);
  const offset32 = reader.u32(what);
  const name = decodeText(reader.take(nameLength, what), "A file's name in the archive");
  // In the directory's order: the size, the packed size, the offset; each only where it is not in the entry itself.
  const large = zip64Field(reader.take(extraLength, what));
  reader.take(commentLength, what);
  const wide = (value: number) => (value === ELSEWHERE && large ? large.u64(what) : value);
  const [size, packed, offset] = [wide(sizes[1] as number), wide(sizes[0] as number), wide(offset32)];
  const read = () => {
    if (flags & 1) throw new WeightsError(`The file ${name} in the archive is encrypted; torch.save does not do that.`);
    if (method !== 0) {
      throw new WeightsError(
        `The file ${name} in the archive is compressed (method ${method}); torch.save stores without compression. ` +
          'If the archive was packed by another program, unpack it first.',
      );
    }
    if (packed !== size) throw damaged(`the file ${name} is stored, yet has two sizes, ${packed} and ${size}`);
    const where = `the file ${name} of the archive`;
    const local = new ByteReader(partOf(source, offset, HEADER_BYTES, where));
    if (local.u32(where) !== SIGNATURE.file) throw damaged(`the file ${name} is not where the directory says`);
    local.take(22, where);
    const begin = offset + HEADER_BYTES + local.u16(where) + local.u16(where);
    return partOf(source, begin, size, where);
  };
  return [name, { size, read }];
}

/** A reader of the zip64 record, where the extra fields have one. */
function zip64Field(extra: Uint8Array): ByteReader | undefined {
  const reader = new ByteReader(extra);
  const what = "an entry of the archive's directory";
  while (extra.length - reader.offset >= 4) {
    const [id, length] = [reader.u16(what), reader.u16(what)];
    const field = reader.take(length, what);
    if (id === ZIP64) return new ByteReader(field);
  }
  return undefined;
}

/**
 * The files of an archive by name. Check sums are not compared: PyTorch does not either, and can write archives without.
 * @throws WeightsError if the archive is damaged or split.
 */
export function readZip(source: ByteSource): Map<string, ZipFile> {
  const { directory, count } = directoryOf(source);
  const reader = new ByteReader(directory);
  const files = new Map<string, ZipFile>();
  for (let i = 0; i < count; i++) {
    const [name, file] = readEntry(source, reader);
    if (files.has(name)) throw damaged(`it holds the file ${name} twice`);
    files.set(name, file);
  }
  return files;
}
