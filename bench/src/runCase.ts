/** Runs one case: all contestants alive, one stepping at a time, in rounds. */
import {
  type Profile,
  type Ready,
  type Round,
  type Steps,
  WorkerFailed,
  WorkerProcess,
  watchOthers,
} from '@refconv/analysis/measurement';
import type { OperationTime } from '@refconv/tensorflow';
import { type Case, CONTESTANTS, type ContestantName } from './cases.js';
import { nodeScript, type Python, pythonScript } from './machine.js';
import type { Setting } from './protocol.js';

/** What one contestant did. */
export interface Measurement {
  ready: Ready;
  stepsPerRound: number;
  /** The rounds that count. */
  rounds: Round[];
  profile?: OperationTime[];
}

export interface CaseResult {
  name: string;
  title: string;
  setting: Setting;
  measurements: Partial<Record<ContestantName, Measurement>>;
  /** Who failed, with what it said. */
  failures: string[];
}

export interface RunOptions {
  contestants: readonly ContestantName[];
  rounds: number;
  /** The least time that one contestant's part of a round takes. */
  roundMilliseconds: number;
  cores: number;
  python: Python;
  log(line: string): void;
}

function startWorker(name: ContestantName, setting: Setting, python: Python): WorkerProcess {
  const argument = JSON.stringify(setting);
  if (name === 'pytorch' || name === 'pytorch-compile') {
    return new WorkerProcess(name, python.program, ['-B', pythonScript('worker.py'), argument, name]);
  }
  const script = nodeScript(name === 'stock' ? 'stock.js' : 'ours.js');
  return new WorkerProcess(name, process.execPath, [script, argument, name], threadsOfTensorFlow(setting.threads));
}

/** One thread each runs its operations one after the other too, as a run with one thread does. */
const threadsOfTensorFlow = (threads: number): Record<string, string> => ({
  TF_NUM_INTRAOP_THREADS: String(threads),
  ...(threads === 1 && { TF_NUM_INTEROP_THREADS: '1' }),
});

/** Never throws for a contestant's sake: whoever fails is told of in the result, and the others go on. */
export async function runCase(
  name: string,
  { title, setting, contestants }: Case,
  options: RunOptions,
): Promise<CaseResult> {
  const { rounds, roundMilliseconds, cores, python, log } = options;
  const full: Setting = { ...setting, threads: cores };
  const result: CaseResult = { name, title, setting: full, measurements: {}, failures: [] };
  const workers = new Map<ContestantName, WorkerProcess>();

  const trying = async (who: ContestantName, body: (worker: WorkerProcess) => Promise<void>) => {
    const worker = workers.get(who);
    if (!worker) return;
    try {
      await body(worker);
    } catch (error) {
      if (!(error instanceof WorkerFailed)) throw error;
      log(`case ${name}: ${error.message}`);
      result.failures.push(error.message);
      workers.delete(who);
      await worker.stop();
    }
  };

  try {
    for (const who of CONTESTANTS) {
      if (!contestants.includes(who) || !options.contestants.includes(who)) continue;
      if (who.startsWith('pytorch') && python.missing) continue;
      log(`case ${name}: warming up ${who}`);
      // One after the other, so that the time of the first step is its own.
      workers.set(who, startWorker(who, full, python));
      await trying(who, async (worker) => {
        const ready = await worker.ask<Ready>();
        const stepsPerRound = Math.max(1, Math.ceil(roundMilliseconds / ready.warmStepMilliseconds));
        result.measurements[who] = { ready, stepsPerRound, rounds: [] };
      });
    }
    checkSameNetwork(result);

    for (let round = 0; round < rounds; round++) {
      log(`case ${name}: round ${round + 1} of ${rounds}${round === 0 ? ', which does not count' : ''}`);
      const order = [...workers.keys()];
      // Backwards every other time, so that a machine that grows slower favours nobody.
      if (round % 2) order.reverse();
      for (const who of order) {
        await trying(who, async (worker) => {
          const measurement = result.measurements[who] as Measurement;
          const others = watchOthers();
          const steps = await worker.ask<Steps>(`step ${measurement.stepsPerRound}`);
          if (!Number.isFinite(steps.loss)) throw new WorkerFailed(`${who}'s loss became ${steps.loss}.`);
          if (round > 0) measurement.rounds.push({ ...steps, others: others(steps.cpuMilliseconds) });
        });
      }
    }

    await trying('compiled', async (worker) => {
      const { profile } = await worker.ask<Profile>('profile');
      (result.measurements.compiled as Measurement).profile = profile;
    });
  } finally {
    await Promise.all([...workers.values()].map((worker) => worker.stop()));
  }
  return result;
}

/** @throws Error where the contestants turn out to train different networks: then nothing can be compared. */
function checkSameNetwork({ name, measurements }: CaseResult): void {
  for (const key of ['parameters', 'multiplyAdds'] as const) {
    const found = Object.entries(measurements).filter(([, { ready }]) => ready[key] !== undefined);
    if (new Set(found.map(([, { ready }]) => ready[key])).size > 1) {
      const list = found.map(([who, { ready }]) => `${who} ${ready[key]}`).join(', ');
      throw new Error(`The contestants of case ${name} differ in ${key}: ${list}.`);
    }
  }
}
