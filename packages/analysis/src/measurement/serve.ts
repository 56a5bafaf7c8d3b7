/** The loop of a worker that runs on Node. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { OperationTime } from '@refconv/tensorflow';
import { type Profile, type Ready, type Steps, WARM_UP_STEPS } from './protocol.js';

/** A network and how it is trained, ready for the first step. */
export interface Contestant {
  parameters: number;
  multiplyAdds: number;
  versions?: Record<string, string>;
  /** Runs one step to its end and returns the loss. */
  step(): number | Promise<number>;
  profile?(): OperationTime[];
}

/** Profiles are averaged over so many steps. */
const PROFILED_STEPS = 3;

/** Warms the contestant up, says so, and obeys the lines on stdin until that ends. */
export async function serve<Setting>(build: (setting: Setting) => Contestant | Promise<Contestant>): Promise<void> {
  console.log = console.error; // stdout is for the answers.
  const setting = JSON.parse(process.argv[2] as string) as Setting;
  const libraryMemoryMB = peakMemoryMB();
  const start = performance.now();
  const contestant = await build(setting);
  const buildMilliseconds = performance.now() - start;
  const warmUp: number[] = [];
  for (let i = 0; i < WARM_UP_STEPS; i++) warmUp.push((await timed(() => contestant.step()))[1]);
  const { parameters, multiplyAdds, versions = {} } = contestant;
  say({
    parameters,
    multiplyAdds,
    versions,
    buildMilliseconds,
    firstStepMilliseconds: warmUp[0] as number,
    warmStepMilliseconds: warmUp[WARM_UP_STEPS - 1] as number,
    libraryMemoryMB,
  });
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.trim().split(' ');
    if (command === 'step') say(await steps(contestant, Number(count)));
    else if (command === 'profile') say({ profile: profile(contestant) });
    else throw new Error(`The worker was sent "${line}"; it knows "step N" and "profile".`);
  }
  process.exit(0);
}

function say(answer: Ready | Steps | Profile): void {
  writeSync(1, `${JSON.stringify(answer)}\n`);
}

function peakMemoryMB(): number {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

async function timed<T>(body: () => T | Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await body();
  return [result, performance.now() - start];
}

async function steps(contestant: Contestant, count: number): Promise<Steps> {
  const before = process.cpuUsage();
  let loss = Number.NaN;
  const milliseconds: number[] = [];
  for (let i = 0; i < count; i++) {
    const [value, time] = await timed(() => contestant.step());
    loss = value;
    milliseconds.push(time);
  }
  const { user, system } = process.cpuUsage(before);
  return { milliseconds, cpuMilliseconds: (user + system) / 1000, peakMemoryMB: peakMemoryMB(), loss };
}

function profile(contestant: Contestant): OperationTime[] {
  if (!contestant.profile) throw new Error('This contestant has no profile.');
  const sums = new Map<string, OperationTime>();
  for (let i = 0; i < PROFILED_STEPS; i++) {
    for (const { operation, count, milliseconds } of contestant.profile()) {
      const sum = sums.get(operation);
      if (sum) sum.milliseconds += milliseconds / PROFILED_STEPS;
      else sums.set(operation, { operation, count, milliseconds: milliseconds / PROFILED_STEPS });
    }
  }
  return [...sums.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
