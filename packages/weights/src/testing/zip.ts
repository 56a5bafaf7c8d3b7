/** Zip archives for tests: stored, check sums left out. */

export interface Member {
  name: string;
  data: Uint8Array;
  /** 8: says that it is compressed. */
  method?: number;
}

function record(...fields: [size: 2 | 4 | 8, value: number][]): Buffer {
  return Buffer.concat(
    fields.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      if (size === 8) bytes.writeBigUInt64LE(BigInt(value));
      else bytes.writeUIntLE(value, 0, size);
      return bytes;
    }),
  );
}

/**
 * @param options.zip64 writes sizes, offsets and counts as an archive beyond 4 GB has them.
 * @param options.before how many bytes stand before these in the file.
 */
export function zipOf(members: readonly Member[], { zip64 = false, before = 0 } = {}): Uint8Array {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = before;
  for (const { name, data, method = 0 } of members) {
    const path = Buffer.from(name);
    const size = zip64 ? 0xffffffff : data.length;
    const offset = zip64 ? 0xffffffff : at;
    // After another field, as a time.
    const field = zip64
      ? record([2, 0x5455], [2, 2], [2, 0], [2, 1], [2, 24], [8, data.length], [8, data.length], [8, at])
      : Buffer.alloc(0);
    const head = record([4, 0x04034b50], [2, 45], [2, 0], [2, method], [4, 0], [4, 0], [4, size], [4, size]);
    const local = Buffer.concat([head, record([2, path.length], [2, 0]), path, data]);
    entries.push(
      record([4, 0x02014b50], [2, 45], [2, 45], [2, 0], [2, method], [4, 0], [4, 0], [4, size], [4, size]),
      record([2, path.length], [2, field.length], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]),
      path,
      field,
    );
    parts.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(entries);
  const count = zip64 ? 0xffff : members.length;
  const end64 = record(
    ...([
      [4, 0x06064b50],
      [8, 44],
      [2, 45],
      [2, 45],
      [4, 0],
      [4, 0],
    ] as [2 | 4 | 8, number][]),
    ...([
      [8, members.length],
      [8, members.length],
      [8, directory.length],
      [8, at],
    ] as [8, number][]),
  );
  const locator = record([4, 0x07064b50], [4, 0], [8, at + directory.length], [4, 1]);
  const [length, offset] = zip64 ? [0xffffffff, 0xffffffff] : [directory.length, at];
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, length], [4, offset], [2, 0]);
  return Buffer.concat([...parts, directory, ...(zip64 ? [end64, locator] : []), end]);
}
