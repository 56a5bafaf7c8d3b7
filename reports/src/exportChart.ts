/** Charts as files: vega-lite, CSV, SVG, PNG and PDF. */
import { createWriteStream, existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { makeFolder, readText } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import PDFDocument from 'pdfkit';
import sharp from 'sharp';
import svgToPdf from 'svg-to-pdfkit';
import type { TopLevelSpec } from 'vega-lite';
import { printable, toSvg } from './chart.js';

/** Dots an inch of the PNG: charts are drawn at 96 pixels an inch, print wants 300. */
const DENSITY = 300;

/**
 * Writes NAME.csv, NAME.svg, unless `print` is false NAME.png (300 dots an inch) and NAME.pdf (vectors), and then NAME.vl.json. Where a folder has
 * all of them already, and the chart is the same, nothing is drawn anew.
 * @param rows the chart's data, for the CSV.
 * @returns the SVG.
 * @example
 * ```ts
 * const rows = [{ network: 'mobilenetv1', arm: 'refconv', gain: 0.85, pairs: 3 }];
 * await exportChart('charts', 'gains', gainsChart(rows), rows); // gains.svg, .png, .pdf, .csv, .vl.json
 * ```
 */
export async function exportChart(
  folder: string,
  name: string,
  given: TopLevelSpec,
  rows: readonly object[],
  { print = true } = {},
): Promise<string> {
  await makeFolder(folder);
  const chart = printable(given);
  const path = (extension: string) => join(folder, `${name}.${extension}`);
  const spec = `${JSON.stringify(chart)}\n`;
  await writeFile(path('csv'), stringify([...rows], { header: true, columns: columnsOf(rows) }));
  const pictures = ['svg', ...(print ? ['png', 'pdf'] : [])].map(path);
  const before = await readText(path('vl.json')).catch(() => '');
  if (before === spec && pictures.every((file) => existsSync(file))) return readText(path('svg'));
  // Written last: where it is there, the pictures are whole.
  await rm(path('vl.json'), { force: true });
  const svg = withoutInvisible(await toSvg(chart));
  await writeFile(path('svg'), svg);
  if (print) {
    await sharp(Buffer.from(svg), { density: DENSITY }).png().toFile(path('png'));
    await writePdf(path('pdf'), svg);
  }
  await writeFile(path('vl.json'), spec);
  return svg;
}

/** Points that are there for tooltips alone would make a file several times as large, and its PNG take seconds. */
const withoutInvisible = (svg: string) => svg.replace(/<path [^>]*\sopacity="0"[^>]*\/>/g, '');

/** The names of all rows' entries; some rows may lack some. */
const columnsOf = (rows: readonly object[]) => [...new Set(rows.flatMap((row) => Object.keys(row)))];

/** A page of the chart's size: a CSS pixel is 0.75 points. */
async function writePdf(path: string, svg: string): Promise<void> {
  const [, width = 0, height = 0] =
    /<svg[^>]*?\swidth="([\d.]+)"[^>]*?\sheight="([\d.]+)"/.exec(svg)?.map(Number) ?? [];
  const page = new PDFDocument({ size: [0.75 * width, 0.75 * height], margin: 0 });
  const file = page.pipe(createWriteStream(path));
  // A solid line's dash, 1,0, is none to pdfkit.
  const solid = svg.replaceAll(' stroke-dasharray="1,0"', '');
  svgToPdf(page, solid, 0, 0, { fontCallback: () => 'Helvetica', warningCallback: () => undefined });
  page.end();
  await finished(file);
}
