/** Where the time of a compiled call goes. */
import { decodeNodeTimings } from './proto.js';

/** The time that one kind of operation took within one call. */
export interface OperationTime {
  operation: string;
  count: number;
  /** Sum over the operations of this kind, in milliseconds; they run side by side, so sums may exceed the call's time. */
  milliseconds: number;
  /** Of operations in which all tasks of a cluster take part: what this one gives or takes. */
  bytes?: number;
}

/** Sums a traced call's timings by kind of operation, longest first. @param bytes of kinds of operations that have some. */
export function summarizeTimings(metadata: Uint8Array, bytes: ReadonlyMap<string, number>): OperationTime[] {
  const byKind = new Map<string, OperationTime>();
  for (const { node, label, micros } of decodeNodeTimings(metadata)) {
    // A label reads "name = Kind(inputs)"; names are made as Kind_number.
    const operation = / = (\w+)\(/.exec(label)?.[1] ?? node.replace(/_\d+$/, '');
    const size = bytes.get(operation);
    const entry = byKind.get(operation) ?? {
      operation,
      count: 0,
      milliseconds: 0,
      ...(size !== undefined && { bytes: size }),
    };
    entry.count += 1;
    entry.milliseconds += micros / 1000;
    byKind.set(operation, entry);
  }
  return [...byKind.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
