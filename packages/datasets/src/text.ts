/** Counts and lists in messages. */

/**
 * `1 run`, `2 runs`, `1,000 runs`.
 * @example
 * ```ts
 * counted(1, 'run'); // '1 run'
 * ```
 */
export const counted = (count: number, noun: string, plural = `${noun}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;

/**
 * The first of many, and how many more there are.
 * @example
 * ```ts
 * listed(['a', 'b', 'c'], 2); // 'a, b and 1 more'
 * ```
 */
export function listed(values: readonly string[], shown = 10): string {
  const more = values.length - shown;
  return `${values.slice(0, shown).join(', ')}${more > 0 ? ` and ${more.toLocaleString('en')} more` : ''}`;
}

/** Text as XML has it. */
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
