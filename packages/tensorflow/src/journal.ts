/** What a recording did, operation by operation: the second recording of a function must do the same as its first. */

import { createHash } from 'node:crypto';
import type { NativeTensor } from './native.js';

/** One operation as it was recorded. */
interface JournalEntry {
  op: string;
  detail: string;
}

export class Journal {
  private readonly entries: JournalEntry[] = [];

  /** @param earlier of the first recording; none: this is the first. */
  constructor(private readonly earlier: Journal | undefined) {}

  /** @throws Error where the earlier recording has something else in this place. */
  note(op: string, detail: string): void {
    const entry = { op, detail };
    const before = this.earlier?.entries[this.entries.length];
    if (this.earlier && !(before?.op === op && before.detail === detail)) this.refuse(entry);
    this.entries.push(entry);
  }

  /** @throws Error where the earlier recording has more. */
  end(): void {
    if (this.earlier && this.entries.length < this.earlier.entries.length) this.refuse(undefined);
  }

  /** Two recordings differ from here on. */
  private refuse(now: JournalEntry | undefined): never {
    // Deep enough to reach the line of the caller's own code through tfjs.
    Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 60);
    throw new Error(
      `Two recordings of the function differ: where there was ${described(this.earlier?.entries[this.entries.length])}, there is now ` +
        `${described(now)}. What is computed in JavaScript (Math.random, tf.randomUniform, tf.dropout, a counter, a learning ` +
        'rate held as a number that changes) would be frozen into the graph: pass it as an argument, or draw it with the ' +
        'stateless random operations (within withRandomSeed, Dropout layers do so). The stack below shows where it enters.',
    );
  }
}

const described = (entry: JournalEntry | undefined) =>
  entry ? `${entry.op} ${abbreviate(entry.detail)}` : 'nothing more';

function abbreviate(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** A short hash of a constant's value. */
export function fingerprint(data: NativeTensor['data']): string {
  const hash = createHash('sha1');
  for (const part of Array.isArray(data) ? data : [data])
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex').slice(0, 12);
}
