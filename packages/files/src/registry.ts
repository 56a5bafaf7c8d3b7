/** What there is of a kind, by its id: the project's own, and what a user's files add. Without Node, for browsers too. */
import { distance } from 'fastest-levenshtein';

/** Something that was registered after the project's own. */
export interface Registration {
  /** Such as `method`. */
  kind: string;
  id: string;
}

const registrations: Registration[] = [];

/**
 * All that was registered so far, in its order.
 * @example
 * ```ts
 * registered().filter(({ kind }) => kind === 'method');
 * ```
 */
export const registered = (): readonly Registration[] => registrations;

/**
 * The known names that a wrong one may have meant: the nearest, where they are near.
 * @example
 * ```ts
 * nearest('epoch', ['epochs', 'batchSize']); // ['epochs']
 * ```
 */
export function nearest(name: string, known: readonly string[]): string[] {
  const distances = known.map((other) => distance(name.toLowerCase(), other.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.max(2, name.length / 3) ? known.filter((_, i) => distances[i] === least) : [];
}

export class Registry<T> {
  private readonly values: Map<string, T>;

  /** @param kind as messages call one of them, such as `method`. */
  constructor(
    readonly kind: string,
    own: Readonly<Record<string, T>>,
  ) {
    this.values = new Map(Object.entries(own));
  }

  /** @throws RangeError where the id is taken, or could not be written in a spec or on a command line. */
  register(id: string, value: T): void {
    if (!/^[A-Za-z][\w-]*$/.test(id))
      throw new RangeError(`${this.kind} '${id}': expected an id of letters, digits, _ and -, a letter first.`);
    if (this.values.has(id)) throw new RangeError(`The ${this.kind} '${id}' is registered already; choose another id.`);
    this.values.set(id, value);
    registrations.push({ kind: this.kind, id });
  }

  /** Undefined where there is none. */
  find(id: string | undefined): T | undefined {
    return id === undefined ? undefined : this.values.get(id);
  }

  /** @throws RangeError where there is none; it names those that may have been meant, or all. */
  get(id: string): T {
    const value = this.values.get(id);
    if (value !== undefined) return value;
    const near = nearest(id, this.ids());
    const hint = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `There are: ${this.ids().join(', ')}.`;
    throw new RangeError(`There is no ${this.kind} '${id}'. ${hint}`);
  }

  /** The project's own first. */
  ids(): string[] {
    return [...this.values.keys()];
  }

  entries(): [id: string, value: T][] {
    return [...this.values];
  }
}
