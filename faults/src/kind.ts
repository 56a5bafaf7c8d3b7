/** A kind of fault, and how what came of one is judged. */
import type { Random } from '@refconv/datasets';

/** What a kind works with: a folder of its own for everything that its faults share. */
export interface Bench {
  folder: string;
}

export interface Kind {
  name: string;
  /** Of a thousand faults, how many are of this kind. */
  share: number;
  /** Seconds after which a fault counts as a hang. Default: 60. */
  patience?: number;
  /** Makes what the faults are done to; undefined, or why there can be none here. */
  prepare(bench: Bench): Promise<Injector | string>;
}

export interface Injector {
  /**
   * Injects one fault, and looks at what comes of it.
   * @param folder an empty one, removed afterwards.
   * @returns what was done, in a few words.
   * @throws Error where it was not survived.
   */
  inject(random: Random, folder: string): Promise<string>;
  close?(): Promise<void>;
}

/** What nobody who reads an error should have to: the language's own words for a defect of the code. */
const DEFECT =
  /Cannot (read|set) propert|is not (a function|iterable|a constructor)|undefined|Maximum call stack|Invalid array length|\[object Object\]|NaN/;

/**
 * An error that a fault is answered with must say where, in words.
 * @param where one of these must be named; none: anything goes.
 */
export function requireClear(error: unknown, where: readonly string[] = []): void {
  const { message } = error as Error;
  if (!(error instanceof Error) || message === '') throw new Error(`No error but ${String(error)} was thrown.`);
  if (DEFECT.test(message.replaceAll(/"[^"]*"/g, '')) && !/are NaN or infinite|has NaN or infinite/.test(message)) {
    throw new Error(`The error is a defect: ${error.stack}`);
  }
  if (message.length > 5000) throw new Error(`The error has ${message.length} characters: ${message.slice(0, 200)}…`);
  if (where.length > 0 && !where.some((path) => message.includes(path))) {
    throw new Error(`The error does not name ${where.join(' or ')}: ${message}`);
  }
}

/** The value, or an error that is clear. */
export async function valueOrClearError<T>(
  action: () => Promise<T>,
  where: readonly string[] = [],
): Promise<{ value: T } | { error: Error }> {
  try {
    return { value: await action() };
  } catch (error) {
    requireClear(error, where);
    return { error: error as Error };
  }
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
