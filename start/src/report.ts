/** The report's files. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, toSvg } from '@refconv/reports';
import { baselineEpochs, curvePoints, curvesChart, toCsv } from './curvesChart.js';
import { reportPage } from './page.js';
import type { StartResult } from './result.js';

/**
 * Writes index.html and its chart as chart.vl.json, chart.csv and chart.svg into a folder.
 * @param full what the full measurement found.
 * @returns the page's path.
 */
export async function writeReport(folder: string, result: StartResult, full?: Finding): Promise<string> {
  const points = curvePoints(result);
  const chart = curvesChart(points, baselineEpochs(result));
  const svg = await toSvg(chart);
  const page = join(folder, 'index.html');
  await writeFile(join(folder, 'chart.vl.json'), `${JSON.stringify(chart, undefined, 2)}\n`);
  await writeFile(join(folder, 'chart.csv'), toCsv(points));
  await writeFile(join(folder, 'chart.svg'), svg);
  await writeFile(page, reportPage(result, svg, full));
  return page;
}
