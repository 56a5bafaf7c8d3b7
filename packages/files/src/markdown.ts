/** Tables in Markdown. */
import { markdownTable as draw } from 'markdown-table';

/**
 * A table whose first columns are texts and whose others are numbers, set to the right.
 * @param texts how many columns are texts.
 * @example
 * ```ts
 * markdownTable(['network', 'top-1'], [['mobilenetv1', '85.14']]); // the second column is set to the right
 * ```
 */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { texts = 1 }: { texts?: number } = {},
): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  return draw(cells, { align: header.map((_, i) => (i < texts ? null : 'right')), alignDelimiters: false });
}
