/** Values checked by schemas, with messages that say what was given and what is expected. */
import { nearest } from '@refconv/files';
import { problemsOf } from '@refconv/training/recipe';
import type { z } from 'zod';

/**
 * A value checked by a schema.
 * @param forms examples of fields that are more than a number or a word, for who gives them another form.
 * @throws RangeError with a line of all that is wrong, and for an unknown name the nearest known one.
 * @example
 * ```ts
 * parse(dataSchema, { name: 'cifar10' }, 'data'); // throws a list of all that is wrong
 * ```
 */
export function parse<T extends z.ZodType>(
  schema: T,
  value: unknown,
  what: string,
  forms: Readonly<Record<string, string>> = {},
): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = problemsOf(schema, value).map(({ path, given, message, known, unknown }) => {
    if (unknown) return `${path} is unknown${hintOf(path.split('.').at(-1) ?? path, known ?? [])}`;
    const text = JSON.stringify(given) ?? 'not set';
    if (known) {
      const long = known.length > 4 && typeof given === 'string';
      return `${path} is ${text}${long ? hintOf(given, known) : `; expected ${known.join(', ')}`}`;
    }
    const form = forms[path] && ` (such as ${forms[path]})`;
    return `${path || 'it'} is ${text}: ${message}${form ?? ''}`;
  });
  throw new RangeError(`${what} cannot be used: ${problems.join('; ')}.`);
}

function hintOf(name: string, known: readonly string[]): string {
  const [best] = nearest(name, known);
  return best === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${best}?`;
}
