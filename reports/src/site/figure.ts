/** Charts on pages: a picture that becomes interactive, with its files. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { printable } from '../chart.js';
import { exportChart } from '../exportChart.js';
import { Html, html } from '../html.js';

export interface Figure {
  /** Of its files, without extension. */
  name: string;
  /** For those who do not see it, and as the heading of its files. */
  title: string;
  chart: TopLevelSpec;
  /** Its data, for the CSV. */
  rows: readonly object[];
  caption: string;
}

const FILES = { 'vl.json': 'Vega-Lite', csv: 'CSV', svg: 'SVG', png: 'PNG', pdf: 'PDF' };

/** Larger pictures would make a page slow to open: it shows the PNG instead. */
const INLINE = 150_000;

/** A name that is safe in files and addresses, and no other's. */
export function fileNames(): (name: string) => string {
  const used = new Set<string>();
  return (name) => {
    const plain = name.replace(/[^\w.-]+/g, '_').slice(0, 80) || '_';
    let free = plain;
    for (let n = 2; used.has(free.toLowerCase()); n++) free = `${plain}_${n}`;
    used.add(free.toLowerCase());
    return free;
  };
}

/** Writes a chart's files into the page's folder. @returns the figure for the page. */
export async function writeFigure(folder: string, figure: Figure): Promise<Html> {
  const { name, title, chart, rows, caption } = figure;
  const svg = await exportChart(folder, name, chart, rows);
  await writeFile(
    join(folder, `${name}.js`),
    `refconvChart(${JSON.stringify(name)}, ${JSON.stringify(printable(chart))});\n`,
  );
  const still = svg.length <= INLINE ? labelled(svg, name, title) : picture(name, title, svg);
  const links = Object.entries(FILES).map(
    ([extension, text]) => html`<a href="${name}.${extension}" aria-label="${title}, as ${text}">${text}</a> `,
  );
  return html`<figure data-chart="${name}">
<div class="still">${still}</div><div class="live"></div>
<figcaption>${caption} <span class="files">${links}</span></figcaption>
</figure>
`;
}

/** Takes markup that vega made. */
function labelled(svg: string, name: string, title: string): Html {
  const { text } = html` role="img" aria-label="${title}">`;
  // What is within a picture is not read out point by point: the numbers are in the CSV and the tables.
  const plain = svg
    .replace(/ (aria-[a-z]+|role)="[^"]*"/g, '')
    // Ids of gradients and clips are counted anew in each picture.
    .replace(/ id="([^"]*)"/g, ` id="${name}-$1"`)
    .replace(/url\(#/g, `url(#${name}-`);
  return new Html(plain.replace(/<svg\b[^>]*>/, (start) => `${start.slice(0, -1)}${text}`));
}

function picture(name: string, title: string, svg: string): Html {
  const [, width = '', height = ''] = /<svg[^>]*?\swidth="([\d.]+)"[^>]*?\sheight="([\d.]+)"/.exec(svg) ?? [];
  return html`<img src="${name}.png" alt="${title}" width="${width}" height="${height}" loading="lazy">`;
}
