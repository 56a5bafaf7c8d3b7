/** The frame of the site's pages. */
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '@refconv/files';
import { Html, html, htmlPage } from '../html.js';

/** Files that every site has in its folder `assets`. */
const OWN = ['site.css', 'charts.js'];
const VEGA = ['vega', 'vega-lite', 'vega-embed'];

/** Copies style, script and the vega libraries, so that the site loads nothing from elsewhere. */
export async function writeAssets(folder: string): Promise<void> {
  const target = join(folder, 'assets');
  await makeFolder(target);
  // What a package exports lies beside its build for browsers.
  const build = (name: string) => dirname(fileURLToPath(import.meta.resolve(name)));
  const files = [
    ...OWN.map((name) => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url))),
    ...VEGA.map((name) => join(build(name), `${name}.min.js`)),
  ];
  for (const file of files) await cp(file, join(target, basename(file)));
}

export interface PageOptions {
  title: string;
  /** From the page to the site's folder: '' or '../../'. */
  base: string;
  /** Other pages, for the navigation. */
  links?: readonly { href: string; text: string }[];
  charts: boolean;
  body: Html;
}

/** A whole page. */
export function page({ title, base, links = [], charts, body }: PageOptions): string {
  const scripts = [...VEGA.map((name) => `${name}.min.js`), 'charts.js'];
  const head = html`<link rel="icon" href="data:,">
<link rel="stylesheet" href="${base}assets/site.css">
${charts ? scripts.map((name) => html`<script defer src="${base}assets/${name}"></script>\n`) : ''}`;
  const content = html`<a class="skip" href="#content">To the content</a>
${links.length > 0 ? html`<header><nav aria-label="Pages">${links.map(({ href, text }) => html`<a href="${href}">${text}</a> `)}</nav></header>` : ''}
<main id="content">
${body}
</main>`;
  return htmlPage(title, head, content);
}

/**
 * A table that scrolls by itself where the window is narrow; its first cells are the rows' headers. Columns without a value are left out.
 * @param options.text so many columns from the left are texts. @param options.captioned whether the caption is shown, not only read out.
 */
export function table(
  caption: string,
  header: readonly string[],
  rows: readonly (readonly (string | Html)[])[],
  { text = 1, captioned = true }: { text?: number; captioned?: boolean } = {},
): Html {
  const kind = (i: number) => new Html(i < text ? ' class="text"' : '');
  // A column without a single value says nothing.
  const columns = header
    .map((_, i) => i)
    .filter((i) => i === 0 || rows.length === 0 || rows.some((row) => !isEmpty(row[i])));
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
${captioned ? html`<caption>${caption}</caption>` : ''}
<thead><tr>${columns.map((i) => html`<th scope="col"${kind(i)}>${header[i] as string}</th>`)}</tr></thead>
<tbody>
${rows.map(
  (row) => html`<tr>${columns.map((i) =>
    i === 0 ? html`<th scope="row">${row[i] ?? ''}</th>` : html`<td${kind(i)}>${row[i] ?? ''}</td>`,
  )}</tr>
`,
)}</tbody>
</table></div>`;
}

const isEmpty = (cell: string | Html | undefined) => (cell instanceof Html ? cell.text : (cell ?? '')) === '';
