/** Waiting for a line of a pipe. */
import { readSync } from 'node:fs';

/** The next line; undefined where the other side has closed. */
export function readLine(file: number): string | undefined {
  const byte = Buffer.alloc(1);
  const bytes: number[] = [];
  while (readSync(file, byte) === 1) {
    if (byte[0] === 0x0a) return Buffer.from(bytes).toString();
    bytes.push(byte[0] as number);
  }
  return undefined;
}
