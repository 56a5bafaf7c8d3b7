/** Finds the files of a zip archive as torch.save writes it: stored, not compressed. APPNOTE.TXT, sections 4.3.7 to 4.3.16. */
import { ByteReader, decodeText, WeightsError } from './bytes.js';

const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const SIGNATURE = { file: 0x04034b50, entry: 0x02014b50, end: 0x06054b50 };
/** In place of a number that only a zip64 record holds. */
const ELSEWHERE = 0xffffffff;

const damaged = (problem: string) => new WeightsError(`The zip archive is damaged: ${problem}. Fetch it again.`);

/** Where the record at the archive's end begins. */
function findEnd(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = bytes.length - END_BYTES; at >= first; at--) {
    const comment = () => view.getUint16(at + 20, true);
    if (view.getUint32(at, true) === SIGNATURE.end && at + END_BYTES + comment() === bytes.length) return at;
  }
  throw damaged('its directory is missing, as in a truncated file');
}

/** The bytes of one file, by its entry in the directory, where the reader stands. */
function readEntry(reader: ByteReader): [name: string, data: Uint8Array] {
  const what = "the archive's directory";
  if (reader.u32(what) !== SIGNATURE.entry) throw damaged('its directory holds something else than files');
  reader.take(4, what);
  const flags = reader.u16(what);
  const method = reader.u16(what);
  reader.take(8, what);
  const compressed = reader.u32(what);
  const size = reader.u32(what);
  const [nameLength, extraLength, commentLength] = [reader.u16(what), reader.u16(what), reader.u16(what)];
  reader.take(8, what);
  const offset = reader.u32(what);
  const name = decodeText(reader.take(nameLength, what), "A file's name in the archive");
  reader.take(extraLength + commentLength, what);
  if (flags & 1) throw new WeightsError(`The file ${name} in the archive is encrypted; torch.save does not do that.`);
  if (method !== 0) {
    throw new WeightsError(
      `The file ${name} in the archive is compressed (method ${method}); torch.save stores without compression. ` +
        'If the archive was packed by another program, unpack it first.',
    );
  }
  if ([compressed, size, offset].includes(ELSEWHERE)) {
    throw new WeightsError(`The file ${name} in the archive is beyond 4 GB (zip64), which is not read.`);
  }
  if (compressed !== size) throw damaged(`the file ${name} is stored, yet has two sizes, ${compressed} and ${size}`);

  const local = new ByteReader(reader.bytes, offset);
  const where = `the file ${name} of the archive`;
  if (local.u32(where) !== SIGNATURE.file) throw damaged(`the file ${name} is not where the directory says`);
  local.take(22, where);
  const [localName, localExtra] = [local.u16(where), local.u16(where)];
  local.take(localName + localExtra, where);
  return [name, local.take(size, where)];
}

/**
 * The files of an archive by name: views of `bytes`, not copies. Check sums are not compared: PyTorch does not either, and can
 * write archives without.
 * @throws WeightsError if the archive is damaged, compressed, encrypted or split.
 */
export function readZip(bytes: Uint8Array): Map<string, Uint8Array> {
  const what = "the archive's end";
  const end = new ByteReader(bytes, findEnd(bytes));
  end.take(4, what);
  if (end.u16(what) || end.u16(what)) throw new WeightsError('The zip archive is split into several files.');
  const [, count] = [end.u16(what), end.u16(what)];
  end.take(4, what);
  const directory = new ByteReader(bytes, end.u32(what));
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const [name, data] = readEntry(directory);
    if (files.has(name)) throw damaged(`it holds the file ${name} twice`);
    files.set(name, data);
  }
  return files;
}
