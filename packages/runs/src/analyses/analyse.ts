/** Does one analysis: from its spec to its result. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '@refconv/files';
import { environment } from '../environment.js';
import { ENVIRONMENT, FAILURE, json, RESULT, runFolder } from '../folder.js';
import type { AnalysisResult, AnalysisRow } from '../result.js';
import type { Analysis, Hash, Spec } from '../spec.js';
import { analyseCost } from './cost.js';
import { analyseConnectivity, analyseRedundancy, analyseSkeletons } from './kernels.js';
import { analyseLandscape } from './landscape.js';
import { analyseRobustness } from './robustness.js';

export interface AnalysisTask<A = Analysis> {
  root: string;
  /** The analysis's own. */
  folder: string;
  spec: Spec;
  analysis: A;
  signal?: AbortSignal;
  log: (line: string) => void;
}

/** Rows of its table; undefined where it was stopped. */
export type Analyse<Id extends Analysis['id']> = (
  task: AnalysisTask<Extract<Analysis, { id: Id }>>,
) => Promise<AnalysisRow[] | undefined>;

const ANALYSES: { [Id in Analysis['id']]: Analyse<Id> } = {
  connectivity: analyseConnectivity,
  redundancy: analyseRedundancy,
  skeletons: analyseSkeletons,
  landscape: analyseLandscape,
  robustness: analyseRobustness,
  cost: analyseCost,
};

/**
 * Analyses as the spec says, and goes on where an earlier process stopped.
 * @returns undefined if it was stopped before the end.
 * @throws Error where the run that it is of is not finished, or its data are missing.
 */
export async function analyse(
  root: string,
  hash: Hash,
  spec: Spec,
  { log = console.log, signal }: { signal?: AbortSignal; log?: (line: string) => void } = {},
): Promise<AnalysisResult | undefined> {
  const folder = runFolder(root, hash);
  const analysis = spec.analysis as Analysis;
  const where = await environment(spec, spec.data.name);
  await writeAtomically(join(folder, ENVIRONMENT), [json(where)]);
  const begin = performance.now();
  const run = ANALYSES[analysis.id] as (task: AnalysisTask) => Promise<AnalysisRow[] | undefined>;
  const rows = await run({ root, folder, spec, analysis, signal, log });
  if (!rows) return undefined;
  const seconds = (performance.now() - begin) / 1000;
  const result: AnalysisResult = { hash, spec, rows, seconds, finished: new Date().toISOString(), environment: where };
  await writeAtomically(join(folder, RESULT), [json(result)]);
  await rm(join(folder, FAILURE), { force: true });
  return result;
}
