/** A share of the images, where several processes have one each. */

/** Every `of`-th image, from the `rank`-th on. */
export interface Shard {
  rank: number;
  of: number;
}

/** All images. */
export const WHOLE: Shard = { rank: 0, of: 1 };

/**
 * How many of `count` images a shard has.
 * @param even the same number for each rank: what is left over is nobody's.
 * @example
 * ```ts
 * import { shardCount } from '@refconv/datasets';
 *
 * shardCount(5, { rank: 0, of: 2 }, false); // 3, and rank 1 has 2
 * ```
 */
export function shardCount(count: number, { rank, of }: Shard, even: boolean): number {
  return even ? Math.floor(count / of) : Math.ceil((count - rank) / of);
}
