/** A row's place in a grid's table, to read. */
import type { GridRow } from './grid.js';

/**
 * A run's place in its table, to read: network, arm and seed.
 * @example
 * ```ts
 * grid.rows.map(placeOf); // such as ['mobilenetv1, refconv, seed 1']
 * ```
 */
export const placeOf = ({ network, arm, seed }: Pick<GridRow, 'network' | 'arm' | 'seed'>) =>
  `${network}, ${arm}, seed ${seed}`;
