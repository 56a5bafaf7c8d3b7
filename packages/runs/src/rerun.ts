/** One cell of a table again: a run and those that it starts from, and whether it ends the same. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { meanInterval } from '@refconv/analysis/statistics';
import { importAgain, namesIn } from '@refconv/files';
import { readResult, readSpec, runFolder } from './folder.js';
import { type GridRow, readGrid } from './grid.js';
import { tellingProgress } from './progress.js';
import { type QueueOptions, runQueue } from './queue.js';
import { type Result, scoreOf, scoreValue } from './result.js';
import { type Hash, neededRuns, parseSpec, type Spec, shortHash } from './spec.js';
import { percent } from './text.js';

export interface Rerun {
  hash: Hash;
  published: Result;
  again: Result;
  /** It was finished in the root before, so that nothing was trained now. */
  wasThere: boolean;
  /** The same weights, to the last bit. */
  equal: boolean;
  /** Processor, number of threads and TensorFlow are those of the published run, so that it must be equal. */
  sameMachine: boolean;
  /** Standard deviation of the arm's top-1 over seeds; undefined where fewer than two are known. */
  deviation?: number;
}

/**
 * Does a published run again.
 * @param published the folder of runs that has it, with its result.
 * @param start of its hash, as tables print it.
 * @param root where it is done again; what is finished there is not done again.
 * @param options.every how often epochs that were finished are told, in milliseconds; default: 10 seconds.
 * @throws Error where no run, or several, have that hash, a spec on its way is missing, or the run fails.
 * @example
 * ```ts
 * const found = await rerun('reports/measured', '729e28ae8143', 'results');
 * console.log(rerunText(found), agrees(found));
 * ```
 */
export async function rerun(
  published: string,
  start: string,
  root: string,
  options: QueueOptions & { every?: number } = {},
): Promise<Rerun> {
  const hash = await findRun(published, start);
  const result = await readResult(published, hash);
  if (!result)
    throw new Error(
      `The run ${shortHash(hash)} of ${published} has no result to compare with: it is an analysis, or not finished.`,
    );
  const needed = new Map<Hash, Spec>();
  const add = async (at: Hash): Promise<void> => {
    const spec: Spec = await specOf(published, at);
    for (const each of neededRuns(spec)) await add(each);
    needed.set(at, spec);
  };
  await add(hash);
  const chain = [...needed];
  const rows = chain.map(([each, { network, method, seed }]): GridRow => {
    return { network: network.id, arm: method?.id ?? 'plain', seed, hash: each };
  });
  const name = `rerun-${shortHash(hash)}`;
  const wasThere = (await readResult(root, hash)) !== undefined;
  const list = { name, rows, runs: Object.fromEntries(chain) };
  const { done } = await tellingProgress(root, list, () => runQueue(root, list, options), options);
  const again = await readResult(root, hash);
  if (done < chain.length || !again) {
    throw new Error(
      `The run ${shortHash(hash)} is not finished: its folder ${runFolder(root, hash)} tells why; the same command goes on.`,
    );
  }
  const there = result.environment;
  const here = again.environment;
  return {
    ...{ hash, published: result, again, wasThere, equal: again.weights === result.weights },
    sameMachine: (['cpu', 'threads', 'processes', 'tensorflow'] as const).every((name) => here[name] === there[name]),
    deviation: await deviationOf(published, hash),
  };
}

async function findRun(root: string, start: string): Promise<Hash> {
  if (!existsSync(root)) throw new Error(`There is no folder ${root}: --published needs one that has the run.`);
  const hashes = await namesIn(join(root, 'runs'));
  const [found, ...others] = hashes.filter((hash) => hash.startsWith(start));
  if (found && others.length === 0) return found;
  throw new Error(
    `${found ? `${1 + others.length} runs` : 'No run'} of ${root} ${found ? 'have' : 'has'} a hash that begins with '${start}'; ` +
      'tables and the ledger print them.',
  );
}

async function specOf(root: string, hash: Hash): Promise<Spec> {
  const spec = await readSpec(root, hash);
  if (spec === undefined) throw new Error(`${root} has no spec of the run ${shortHash(hash)}, which is needed first.`);
  await importAgain(spec.imports, import.meta.url);
  return parseSpec(spec);
}

/** Over the seeds of the row that the run stands in, in the first of the grids that have it. */
async function deviationOf(root: string, hash: Hash): Promise<number | undefined> {
  for (const name of await namesIn(join(root, 'grids'))) {
    const { rows } = await readGrid(root, name);
    const own = rows.find((row) => row.hash === hash);
    if (!own) continue;
    const seeds = rows.filter(({ network, arm }) => network === own.network && arm === own.arm);
    const results = await Promise.all(seeds.map((row) => readResult(root, row.hash)));
    const deviation = meanInterval(results.flatMap((result) => (result ? [scoreValue(result)] : [])))?.deviation;
    if (deviation !== undefined) return deviation;
  }
  return undefined;
}

/**
 * Whether the two agree: to the last bit on the same kind of machine, else within three standard deviations of its seeds; undefined where
 * these are not known.
 * @example
 * ```ts
 * if (agrees(await rerun('reports/measured', '729e28ae8143', 'results')) === false) process.exitCode = 1;
 * ```
 */
export function agrees({ equal, sameMachine, deviation, published, again }: Rerun): boolean | undefined {
  if (equal) return true;
  if (sameMachine) return false;
  if (deviation === undefined) return undefined;
  return Math.abs(scoreValue(published) - scoreValue(again)) <= 3 * deviation;
}

/**
 * What came out, as lines for a person.
 * @example
 * ```ts
 * console.log(rerunText(await rerun('reports/measured', '729e28ae8143', 'results')));
 * ```
 */
export function rerunText(rerun: Rerun): string {
  const { hash, published, again, wasThere, equal, sameMachine, deviation } = rerun;
  const verdict = {
    true: equal ? 'equal to the last bit' : 'within three standard deviations of the seeds',
    false: sameMachine
      ? 'NOT EQUAL, on the same kind of processor'
      : 'NOT within three standard deviations of the seeds',
    undefined: 'not equal, on another kind of processor; how much seeds differ is not known',
  }[String(agrees(rerun)) as 'true'];
  return [
    `run ${shortHash(hash)}, seed ${published.spec.seed}`,
    `published: ${scoreOf(published.spec).title} ${percent(scoreValue(published))}, commit ${published.environment.commit.slice(0, 12)}, ${published.environment.cpu}`,
    `again:     ${scoreOf(again.spec).title} ${percent(scoreValue(again))}, commit ${again.environment.commit.slice(0, 12)}, ${again.environment.cpu}`,
    `${verdict}${deviation === undefined ? '' : ` (standard deviation over seeds ${(100 * deviation).toFixed(2)} points)`}`,
    ...(wasThere
      ? ['It was finished here before, and nothing was trained now: --results with an empty folder trains it again.']
      : []),
  ].join('\n');
}
