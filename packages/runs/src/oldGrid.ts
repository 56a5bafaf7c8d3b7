/** Grids of files that are older than the fields that say what a grid is, or than its claims. */
import type { Grid, GridNotes } from './grid.js';

type Unnamed = Omit<Grid, 'experiment' | 'preset' | 'kind' | 'changed'>;

/** The question was called the claim. */
export type OldGrid = Omit<Unnamed, 'question'> & Partial<Grid> & { claim?: string };

/** A grid of a file as grids are now. */
export function ofThisVersion({ claim = '', ...file }: OldGrid): Grid {
  const grid = { question: claim, ...file };
  return 'kind' in grid ? (grid as Grid) : guessedGrid(grid);
}

/** Experiment, preset and kind as the name tells them: only here does a name mean something. */
function guessedGrid(grid: Unnamed): Grid {
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
