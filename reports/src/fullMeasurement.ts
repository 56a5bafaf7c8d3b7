/** What the published measurement found of the claim that `npm start` shows in small. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namesIn } from '@refconv/files';
import { listClaims } from './site/claims.js';
import { type Finding, judge } from './site/judge.js';
import { readSite } from './site/read.js';

/** The folder of the published measurement, which a packed copy of this package lacks. */
export const MEASURED = fileURLToPath(new URL('../measured', import.meta.url));

/**
 * RefConv beside the network trained on as long without it; undefined where nothing of it is published.
 * @example
 * ```ts
 * const finding = await fullMeasurement();
 * if (finding) console.log(valueText(finding));
 * ```
 */
export async function fullMeasurement(folder = MEASURED): Promise<Finding | undefined> {
  if ((await namesIn(join(folder, 'grids'))).length === 0) return undefined;
  const { experiments } = await readSite(folder);
  const claim = (await listClaims()).find(({ id }) => id === 'more-than-retraining');
  return claim && judge(claim, experiments).findings.find(({ counts }) => counts);
}
