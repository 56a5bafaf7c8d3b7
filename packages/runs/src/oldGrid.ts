/** Grids of files that are older than the fields that say what a grid is. */
import type { Grid, GridNotes } from './grid.js';

export type OldGrid = Omit<Grid, 'experiment' | 'preset' | 'kind' | 'changed'>;

/** Experiment, preset and kind as the name tells them: only here does a name mean something. */
export function guessedGrid(grid: OldGrid): Grid {
  const { name, rows, runs } = grid;
  const [, experiment = name, preset = '', suffix] =
    /^(.+)-(paper|cifar|pocket|smoke)(?:-(tuning|tuned))?$/.exec(name) ?? [];
  const kind: GridNotes['kind'] = suffix === 'tuning' ? 'search' : suffix === 'tuned' ? 'tuned' : 'table';
  return {
    ...grid,
    ...{ experiment, preset, kind, changed: null, guessed: true },
    rows: rows.map((row) => {
      const of = runs[row.hash]?.analysis?.id === 'landscape' && /^landscape of (.+)$/.exec(row.arm)?.[1];
      return of ? { ...row, of } : row;
    }),
  };
}
