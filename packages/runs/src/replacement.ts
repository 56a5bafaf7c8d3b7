/** Whether a grid may take the place of one that has its name. */
import { type Difference, differences } from '@refconv/files';
import type { Grid } from './grid.js';
import { placeOf } from './place.js';
import type { Spec } from './spec.js';

/** More would be hard to read. */
const SHOWN = 4;

/**
 * A grid may grow, and nothing of what is there is lost; a search that is begun again is there as far as it had come.
 * @returns whether the one that is there stays.
 * @throws Error where the new grid is another, with what differs and what to do.
 */
export function checkReplacement(folder: string, there: Grid, grid: Grid): boolean {
  const asked = ({ experiment, preset, kind, changed }: Grid) => ({ experiment, preset, kind, changed });
  const differ = there.guessed ? [] : differences(asked(there), asked(grid));
  const [before, now] = [keysOf(there), keysOf(grid)];
  const [lost, added] = [[...before].filter((key) => !now.has(key)), [...now].filter((key) => !before.has(key))];
  if (differ.length === 0 && lost.length === 0) return false;
  if (differ.length === 0 && grid.kind === 'search' && added.length === 0) return true;
  const shown = differ.length > 0 ? differ.map(textOf) : runDifferences(there, grid);
  throw new Error(
    `The grid ${grid.name} is there already with other settings, and is left as it is: ${shown.slice(0, SHOWN).join('; ')}. ` +
      `Give the new one a name of its own by --name, or move ${folder} away.`,
  );
}

const keysOf = ({ rows }: Grid) => new Set(rows.map((row) => JSON.stringify([placeOf(row), row.hash])));

const json = (value: unknown) => JSON.stringify(value) ?? 'not set';
const textOf = ({ path, before, after }: Difference) => `${path} was ${json(before)} and is ${json(after)} now`;

/** Of the first run that is not as it was; what starts from it differs too. */
function runDifferences(there: Grid, grid: Grid): string[] {
  const inPlace = (runs: Grid): Map<string, Spec[]> => {
    const places = new Map<string, Spec[]>();
    for (const row of runs.rows)
      places.set(placeOf(row), [...(places.get(placeOf(row)) ?? []), runs.runs[row.hash] as Spec]);
    return places;
  };
  const now = inPlace(grid);
  for (const [place, specs] of inPlace(there)) {
    const others = now.get(place);
    if (others?.length !== specs.length) return [`the run ${place} is not in it now`];
    const found = specs.flatMap((spec, i) => differences(spec, others[i]));
    if (found.length > 0) return found.map(textOf);
  }
  return [];
}
