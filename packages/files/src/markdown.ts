/** Tables in Markdown, and what a command writes into a page. */
import { markdownTable as draw } from 'markdown-table';

/**
 * A table whose first columns are texts and whose others are numbers, set to the right.
 * @param texts how many columns are texts.
 * @param padded whether cells are as wide as their column, as formatters have them.
 * @example
 * ```ts
 * markdownTable(['network', 'top-1'], [['mobilenetv1', '85.14']]); // the second column is set to the right
 * ```
 */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { texts = 1, padded = false }: { texts?: number; padded?: boolean } = {},
): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  return draw(cells, { align: header.map((_, i) => (i < texts ? null : 'right')), alignDelimiters: padded });
}

/**
 * A Markdown text with another content between its lines `<!-- name -->` and `<!-- /name -->`.
 * @throws Error where it lacks them.
 * @example
 * ```ts
 * withMarked('<!-- table -->\n<!-- /table -->', 'table', '| a |'); // '<!-- table -->\n\n| a |\n\n<!-- /table -->'
 * ```
 */
export function withMarked(markdown: string, name: string, content: string): string {
  const [begin, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [markdown.indexOf(begin), markdown.indexOf(close)];
  if (start < 0 || end < start)
    throw new Error(`The place for the ${name} is missing: expected the lines ${begin} and ${close}, in this order.`);
  return `${markdown.slice(0, start + begin.length)}\n\n${content}\n\n${markdown.slice(end)}`;
}
