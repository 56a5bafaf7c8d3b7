/** Injects faults, one after the other, and counts. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stream } from '@refconv/datasets';
import type { Kind } from './kind.js';
import { watchdog } from './watchdog.js';

export interface Count {
  kind: string;
  injected: number;
  survived: number;
  seconds: number;
  /** Why none could be injected here. */
  skipped?: string;
}

export interface FaultOptions {
  seed: number;
  /** In all. */
  count: number;
  kinds: readonly Kind[];
  /** The number of the first fault of each kind. Default: 0. */
  first?: number;
  log: (line: string) => void;
}

/** Milliseconds for which nothing may block the process. */
const BLOCKED = 60_000;

/** A thousand's shares, of another number; each kind has one at least. */
const shareOf = (kind: Kind, kinds: readonly Kind[], count: number) =>
  Math.max(1, Math.round((count * kind.share) / kinds.reduce((sum, { share }) => sum + share, 0)));

export async function injectFaults({ seed, count, kinds, first = 0, log }: FaultOptions): Promise<Count[]> {
  const folder = mkdtempSync(join(tmpdir(), 'refconv-faults-'));
  const dog = watchdog(BLOCKED);
  const counts: Count[] = [];
  try {
    for (const [i, kind] of kinds.entries()) {
      const shared = join(folder, `kind${i}`);
      mkdirSync(shared);
      const begin = performance.now();
      const tally: Count = { kind: kind.name, injected: 0, survived: 0, seconds: 0 };
      counts.push(tally);
      const injector = await kind.prepare({ folder: shared });
      if (typeof injector === 'string') {
        tally.skipped = injector;
        log(`${kind.name}: left out, as ${injector}`);
        continue;
      }
      try {
        for (let number = first; number < first + shareOf(kind, kinds, count); number++) {
          const own = join(folder, 'fault');
          mkdirSync(own);
          tally.injected++;
          try {
            await within(kind.patience ?? 60, injector.inject(stream(seed, kind.name, number), own));
            tally.survived++;
          } catch (error) {
            log(`FELL SHORT: ${kind.name}, fault ${number} of seed ${seed}: ${(error as Error).message}`);
          }
          rmSync(own, { recursive: true, force: true, maxRetries: 5 });
        }
      } finally {
        await injector.close?.();
      }
      tally.seconds = (performance.now() - begin) / 1000;
      log(`${kind.name}: ${tally.survived} of ${tally.injected} survived, ${tally.seconds.toFixed(1)} s`);
    }
  } finally {
    dog.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return counts;
}

async function within<T>(seconds: number, action: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It hangs: nothing came of it in ${seconds} s.`)), 1000 * seconds);
  });
  return Promise.race([action, late]).finally(() => clearTimeout(timer));
}
