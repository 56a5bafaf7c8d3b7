/** Tells how far trainings have come, where nobody looks at their status. */
import { setInterval } from 'node:timers/promises';
import { shortHash, stateOf } from './folder.js';
import type { RunList } from './grid.js';
import { placeOf } from './place.js';
import { scoreOf } from './result.js';
import type { Hash, Spec } from './spec.js';
import { progressText } from './status.js';

/**
 * Does `work`, and meanwhile tells of each run that has finished an epoch since it was last looked at.
 * @param every how often they are looked at, in milliseconds.
 */
export async function tellingProgress<T>(
  root: string,
  { rows, runs }: RunList,
  work: () => Promise<T>,
  { log = console.log, every = 10_000 }: { log?: ((line: string) => void) | undefined; every?: number | undefined },
): Promise<T> {
  const told = new Map<Hash, number>();
  const stop = new AbortController();
  const tell = async () => {
    for await (const _ of setInterval(every, undefined, { signal: stop.signal, ref: false })) {
      for (const row of rows) {
        const spec = runs[row.hash] as Spec;
        const state = await stateOf(root, row.hash, spec);
        if (state.state !== 'running' || !state.epoch || told.get(row.hash) === state.epoch) continue;
        told.set(row.hash, state.epoch);
        log(`${placeOf(row)} (${shortHash(row.hash)}): ${progressText(state, scoreOf(spec).title)}`);
      }
    }
  };
  // Stopped below; and what cannot be read is the queue's to tell.
  const telling = tell().catch(() => undefined);
  try {
    return await work();
  } finally {
    stop.abort();
    await telling;
  }
}
