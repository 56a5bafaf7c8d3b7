/** What compile() recorded, to look at: as text, and as a file that Netron and TensorBoard open. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from './graph.js';
import type { ArgumentSpec, Recording } from './record.js';

/** One recording of a compiled function, for arguments of these shapes. */
export interface Inspection {
  function: string;
  arguments: readonly ArgumentSpec[];
  /** Kinds of operations and how many there are, most first; what TensorFlow's optimiser makes of them is in the profile. */
  operations: { operation: string; count: number }[];
  /** What is read or changed; `changed` where a run assigns. */
  variables: { name: string; shape: readonly number[]; bytes: number; changed: boolean }[];
  /** Tensors that were neither arguments nor variables, largest first; one that repeats a value takes no room. */
  constants: { shape: readonly number[]; bytes: number }[];
  /** Recording it, both times. */
  milliseconds: number;
  /** The whole graph of the program so far, as a serialized GraphDef. */
  definition(): Uint8Array;
}

const bytesOf = (shape: readonly number[]) => 4 * shape.reduce((product, size) => product * size, 1);

/** @param first the number of the first operation that is this recording's. */
export function inspectionOf(
  graph: Graph,
  first: number,
  given: Pick<Inspection, 'function' | 'arguments' | 'milliseconds'>,
  { variables, updated }: Recording,
): Inspection {
  const { kinds, constants } = graph.since(first);
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const changed = new Set(updated);
  return {
    ...given,
    operations: [...counts]
      .map(([operation, count]) => ({ operation, count }))
      .sort((a, b) => b.count - a.count || (a.operation < b.operation ? -1 : 1)),
    variables: variables.map((state) => ({
      name: state.variable.name,
      shape: state.variable.shape,
      bytes: bytesOf(state.variable.shape),
      changed: changed.has(state),
    })),
    constants: constants.sort((a, b) => b.bytes - a.bytes),
    definition: () => graph.definition(),
  };
}

const SHOWN = 12;

/**
 * An inspection for people.
 * @example
 * ```ts
 * const inspect = (each: Inspection) => console.log(inspectionText(each));
 * const program = compile({ evaluate: (x: tf.Tensor) => model.predict(x) }, { inspect });
 * ```
 */
export function inspectionText({ operations, variables, constants, milliseconds, ...head }: Inspection): string {
  const size = (bytes: number) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
  const sum = (rows: readonly { bytes: number }[]) => size(rows.reduce((total, { bytes }) => total + bytes, 0));
  const first = (texts: readonly string[]) =>
    texts.length > SHOWN ? [...texts.slice(0, SHOWN), `    … and ${texts.length - SHOWN} more`] : texts;
  const shape = (sizes: readonly number[]) => `[${sizes.join(', ')}]`;
  const changed = variables.filter((variable) => variable.changed);
  return [
    `compile: ${head.function}(${head.arguments.map((each) => `${each.dtype} ${shape(each.shape)}`).join(', ')}), recorded in ${milliseconds.toFixed(0)} ms`,
    `  ${operations.reduce((total, { count }) => total + count, 0)} operations:`,
    ...first(operations.map(({ operation, count }) => `    ${String(count).padStart(5)}  ${operation}`)),
    `  ${variables.length} variables, ${sum(variables)}; ${changed.length} of them are changed`,
    `  ${constants.length} constants, ${sum(constants)}${constants.length > 0 ? '; the largest:' : ''}`,
    ...first(constants.map((each) => `    ${size(each.bytes).padStart(9)}  ${shape(each.shape)}`)).slice(0, 5),
  ].join('\n');
}

/** What REFCONV_COMPILE asks for: `1` prints each recording to stderr, a folder's path writes each program's graph there as well. */
export function inspectorOf(setting: string | undefined): ((inspection: Inspection) => void) | undefined {
  if (!setting || setting === '0') return undefined;
  return (inspection) => {
    process.stderr.write(`${inspectionText(inspection)}\n`);
    if (setting === '1') return;
    mkdirSync(setting, { recursive: true });
    const file = join(
      setting,
      `${String(++written).padStart(3, '0')}-${inspection.function.replaceAll(/\W/g, '_')}.pb`,
    );
    writeFileSync(file, inspection.definition());
    process.stderr.write(`  graph: ${file}\n`);
  };
}

/** Graphs written by this process. */
let written = 0;
