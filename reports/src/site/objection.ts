/** What speaks against an experiment's numbers deciding a claim. */
import { RESULTS_VERSION } from '@refconv/runs';
import type { Experiment } from './read.js';

/** What of an experiment says what its numbers are worth. */
export type Measured = Pick<Experiment, 'name' | 'data' | 'grid' | 'version'>;

/** Why an experiment's numbers decide no claim, to be read after "not counted"; undefined where they may. */
export function objection({ grid, data, version }: Measured): string | undefined {
  const { kind, preset, guessed, changed } = grid;
  if (kind === 'search') return 'a search of learning rates, on images held out of the training set';
  if (data.includes('synthetic')) return 'synthetic images';
  if (guessed)
    return `older than grids that say what was changed against their preset; it may be another than ${preset || 'known'}`;
  if (changed) return `changed settings, not the preset ${preset}`;
  if (version !== undefined && version !== RESULTS_VERSION)
    return `results version ${version}; they are computed otherwise now (${RESULTS_VERSION})`;
  return undefined;
}
