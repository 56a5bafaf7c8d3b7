/** Processes that take turns at their steps: what disturbs the machine meanwhile strikes all of them. */
import { watchOthers } from './otherLoad.js';
import type { Ready, Steps } from './protocol.js';
import { WorkerFailed, type WorkerProcess } from './workerProcess.js';

/** One worker's part of a round. */
export interface Round extends Steps {
  /** Share of the processors, 0 to 1, that others used meanwhile. */
  others: number;
}

export interface Measured {
  ready: Ready;
  /** Those that count. */
  rounds: Round[];
}

export interface TurnOptions {
  /** That count; one more comes before them. */
  rounds: number;
  /** The least time that a worker's part of a round takes. Default: 1000. */
  roundMilliseconds?: number;
  signal?: AbortSignal;
  log?: (line: string) => void;
}

/**
 * Starts workers one after the other, so that the first step's time is each one's own, and lets them step in rounds, one at a time.
 * @param start by name; each is a process that {@link serve}s, or speaks as it does.
 * @returns by name, in the order given. All processes have ended.
 * @throws WorkerFailed where one ends, or its loss is no longer finite.
 * @throws the signal's reason once it is aborted, after the steps under way.
 */
export async function measureInTurns(
  start: Readonly<Record<string, () => WorkerProcess>>,
  { rounds, roundMilliseconds = 1000, signal, log = () => {} }: TurnOptions,
): Promise<Map<string, Measured>> {
  const names = Object.keys(start);
  const workers = new Map<string, WorkerProcess>();
  const measured = new Map<string, Measured>();
  try {
    for (const [name, startOne] of Object.entries(start)) {
      log(`warming up ${name}`);
      signal?.throwIfAborted();
      const worker = startOne();
      workers.set(name, worker);
      measured.set(name, { ready: await worker.ask<Ready>(), rounds: [] });
    }
    for (let round = 0; round <= rounds; round++) {
      log(`round ${round + 1} of ${rounds + 1}${round === 0 ? ', which does not count' : ''}`);
      // Backwards every other time, so that a machine that grows slower favours nobody.
      for (const name of round % 2 ? names.toReversed() : names) {
        signal?.throwIfAborted();
        const one = measured.get(name) as Measured;
        const count = Math.max(1, Math.ceil(roundMilliseconds / one.ready.warmStepMilliseconds));
        const others = watchOthers();
        const steps = await (workers.get(name) as WorkerProcess).ask<Steps>(`step ${count}`);
        if (!Number.isFinite(steps.loss)) throw new WorkerFailed(`${name}'s loss became ${steps.loss}.`);
        if (round > 0) one.rounds.push({ ...steps, others: others(steps.cpuMilliseconds) });
      }
    }
  } finally {
    await Promise.all([...workers.values()].map((worker) => worker.stop()));
  }
  return measured;
}
