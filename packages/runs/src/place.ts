/** A row's place in a grid's table, to read. */
import type { GridRow } from './grid.js';

export const placeOf = ({ network, arm, seed }: Pick<GridRow, 'network' | 'arm' | 'seed'>) =>
  `${network}, ${arm}, seed ${seed}`;
