/** The table of the README, from what the registry knows: `node dist/testing/table.js` writes it there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BACKBONES } from '../registry.js';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const HEADER = ['id', 'reference', 'parameters', 'MACs at 224×224', "`variant: 'cifar'`: parameters", 'MACs at 32×32'];

/** Rows of cells as Markdown, padded as the formatter pads them. */
function markdown(rows: readonly string[][]): string {
  const widths = HEADER.map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} |`;
  const [header, ...others] = rows as [string[], ...string[][]];
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...others.map(line), ''].join('\n');
}

/** The README as it is, and as it should be. */
export function readme(): { text: string; expected: string } {
  const text = readFileSync(README, 'utf8');
  const rows = BACKBONES.entries().map(([id, { reference, sizes = {} }]) => {
    const numbers = (['imagenet', 'cifar'] as const).flatMap((variant) => [
      sizes[variant]?.parameters.toLocaleString('en') ?? '–',
      sizes[variant]?.macs.toLocaleString('en') ?? '–',
    ]);
    return [`\`${id}\``, reference, ...numbers];
  });
  return { text, expected: text.replace(/^\| id [\s\S]*?\n(?=\n)/m, markdown([HEADER, ...rows])) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(README, readme().expected);
