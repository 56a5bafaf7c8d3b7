/** Counts and lists in messages. */

/** `1 run`, `2 runs`, `1,000 runs`. */
export const counted = (count: number, noun: string, plural = `${noun}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;

/** The first of many, and how many more there are. */
export function listed(values: readonly string[], shown = 10): string {
  const more = values.length - shown;
  return `${values.slice(0, shown).join(', ')}${more > 0 ? ` and ${more.toLocaleString('en')} more` : ''}`;
}

/** Text as XML has it. */
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
