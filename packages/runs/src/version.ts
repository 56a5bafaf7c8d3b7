/** The results' version: runs of different ones are not compared, and a run is done by the one that planned it. */
import { RESULTS_VERSION, type Spec } from './spec.js';

/**
 * The version that all of some runs have; undefined of none.
 * @throws Error where they have several.
 * @example
 * ```ts
 * versionOf('The grid', Object.values(grid.runs)); // such as 2
 * ```
 */
export function versionOf(what: string, specs: readonly Spec[]): number | undefined {
  const [first, ...others] = [...new Set(specs.map(({ resultsVersion }) => resultsVersion))].sort();
  if (others.length === 0) return first;
  throw new Error(
    `${what} mixes results of the versions ${[first, ...others].join(' and ')}, which cannot be compared: docs/experiments.md says ` +
      'how they differ. Plan it anew by its script, which makes all runs of one version.',
  );
}

/** @throws Error where the run was planned by a version whose results this one does not repeat. */
export function checkVersion(what: string, { resultsVersion }: Spec): void {
  if (resultsVersion === RESULTS_VERSION) return;
  throw new Error(
    `${what} was planned with results version ${resultsVersion}, and this code makes version ${RESULTS_VERSION}: docs/experiments.md says how ` +
      'they differ. What is finished can be read. For the rest, plan it anew by its script, or check out the commit that it was begun with.',
  );
}
