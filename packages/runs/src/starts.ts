/** Whether runs started from the weights that are here: a run that is done again, elsewhere or by another commit, ends with others. */
import { readResult } from './folder.js';
import type { RunList } from './grid.js';
import { type Hash, shortHash } from './spec.js';

/**
 * Runs that started from another training of the run which they name than the one that is here, with what to do: compared with it they say nothing.
 * Those of results that do not say what they started from are not among them.
 * @example
 * ```ts
 * for (const problem of (await otherStarts('results', grid)).values()) console.warn(problem);
 * ```
 */
export async function otherStarts(root: string, { runs }: Pick<RunList, 'runs'>): Promise<Map<Hash, string>> {
  const others = new Map<Hash, string>();
  for (const [hash, { from }] of Object.entries(runs)) {
    if (typeof from !== 'string') continue;
    const startWeights = (await readResult(root, hash))?.startWeights;
    const start = startWeights && (await readResult(root, from));
    if (!start || startWeights === start.weights) continue;
    others.set(
      hash,
      `The run ${shortHash(hash)} started from another training of ${shortHash(from)} than the one that is here, and is not compared with it: ` +
        'move its folder away, and the same command does it again.',
    );
  }
  return others;
}
