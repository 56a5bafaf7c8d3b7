/** What is wrong with a value, by its schema. */
import type { z } from 'zod';

export interface Problem {
  /** Such as `augment.crop`; empty for the whole value. */
  path: string;
  given: unknown;
  /** What the schema says, as `expected a number above 0`. */
  message: string;
  /** Of an entry that is unknown, or a word that is none of a list: those that are known. */
  known?: string[];
  /** Whether it is an entry that is unknown. */
  unknown?: true;
}

/** All that is wrong, in the order of the schema, unknown entries after those that it has. */
export function problemsOf(schema: z.ZodType, value: unknown): Problem[] {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).flatMap((issue): Problem[] => {
    const path = issue.path.join('.');
    const given = at(value, issue.path);
    const { message } = issue;
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, issue.path, value);
      const prefix = path && `${path}.`;
      const unknown = true as const;
      return issue.keys.map((key) => ({ path: prefix + key, given: at(given, [key]), message, known, unknown }));
    }
    if (issue.code === 'invalid_value') return [{ path, given, message, known: issue.values.map(String) }];
    return [{ path, given, message }];
  });
}

const at = (value: unknown, path: readonly PropertyKey[]) =>
  path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key], value);

/** What of zod's types leads to those within. */
interface SchemaParts {
  def?: { innerType?: unknown; element?: unknown; valueType?: unknown; discriminator?: string };
  shape?: Record<PropertyKey, unknown>;
  options?: unknown[];
}

/** A type without what makes it optional or gives it a default. */
export function unwrapped(type: unknown): SchemaParts {
  const parts = type as SchemaParts;
  return parts.def?.innerType ? unwrapped(parts.def.innerType) : parts;
}

/** The names that an object within a schema has; of a union that is told apart by an entry, those of the form that is given. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  const forms = (type: unknown, given: unknown): SchemaParts[] => {
    const whole = unwrapped(type);
    if (!whole.options) return [whole];
    const { discriminator } = whole.def ?? {};
    const fits = ({ shape }: SchemaParts) =>
      discriminator === undefined ||
      (shape?.[discriminator] as z.ZodType | undefined)?.safeParse(at(given, [discriminator])).success;
    return whole.options.map(unwrapped).filter(fits);
  };
  let found: SchemaParts[] = forms(schema, value);
  for (const [i, key] of path.entries()) {
    const given = at(value, path.slice(0, i + 1));
    found = found.flatMap(({ def, shape }) => {
      const within = def?.element ?? def?.valueType ?? shape?.[key];
      return within === undefined ? [] : forms(within, given);
    });
  }
  return [...new Set(found.flatMap(({ shape }) => Object.keys(shape ?? {})))];
}
