/** `--set path=value`: changes to a preset's settings. */

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * A copy of a value with some entries set. Whether they may be is for the schema of the whole to say.
 * @param assignments such as `recipe.epochs=3`; values are JSON, and text where they are not.
 * @throws RangeError for what is no assignment, or would reach outside the value.
 * @example
 * ```ts
 * withSettings({ recipe: { epochs: 3 } }, ['recipe.epochs=5']); // { recipe: { epochs: 5 } }
 * ```
 */
export function withSettings<T extends object>(value: T, assignments: readonly string[]): T {
  const result = structuredClone(value);
  for (const assignment of assignments) {
    const [, path, text] = /^([^=]+)=(.*)$/s.exec(assignment) ?? [];
    const keys = path?.split('.') ?? [];
    if (!path || text === undefined || keys.includes(''))
      throw new RangeError(`--set ${assignment}: expected path=value, such as recipe.epochs=3.`);
    const wrong = keys.find((key) => FORBIDDEN.has(key));
    if (wrong) throw new RangeError(`--set ${assignment}: ${wrong} cannot be set.`);
    let at = result as Record<string, unknown>;
    for (const [i, key] of keys.slice(0, -1).entries()) {
      if (!Object.hasOwn(at, key) || at[key] === undefined) at[key] = {};
      const next = at[key];
      if (typeof next !== 'object' || next === null)
        throw new RangeError(`--set ${assignment}: ${key} has no entries of its own; it is ${JSON.stringify(next)}.`);
      if (Array.isArray(next) && !/^\d+$/.test(keys[i + 1] as string))
        throw new RangeError(
          `--set ${assignment}: ${key} is a list; give it whole, as ${key}=[…], or one of its entries by its number, as ${key}.0=….`,
        );
      at = next as Record<string, unknown>;
    }
    at[keys.at(-1) as string] = jsonOrText(text);
  }
  return result;
}

function jsonOrText(text: string): unknown {
  try {
    // A reviver, as JSON.parse makes "__proto__" an entry that a later copy would follow.
    return JSON.parse(text, (key, entry) => {
      if (FORBIDDEN.has(key)) throw new RangeError(`--set: ${key} cannot be set.`);
      return entry;
    });
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return text;
  }
}
