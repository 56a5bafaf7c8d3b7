/** How many runs at a time do most: measured, since cores that share memory and caches do not each do as much as one alone. */
import { type Steps, WorkerProcess } from '@refconv/analysis/measurement';
import { counted } from '@refconv/datasets/text';
import { COST_WORKER } from './analyses/cost.js';
import { engineVariables } from './engine.js';
import { isDone } from './folder.js';
import type { RunList } from './grid.js';
import { workersFor } from './queue.js';
import type { Spec } from './spec.js';

/** What `workers` processes do together. */
export interface Throughput {
  workers: number;
  imagesPerSecond: number;
}

/** So long each number of workers is measured, in milliseconds. */
const SPAN = 3000;
/** Fewer workers that do nearly as much are taken: they need less memory, and each run is done sooner. */
const NEARLY = 0.97;

/** 1, 2, 4 … and the most. */
const candidates = (most: number) => [...Array.from({ length: Math.ceil(Math.log2(most)) }, (_, i) => 2 ** i), most];

/**
 * The number of workers that does most images a second in training steps of a grid's first network, as {@link Throughput} was measured for it;
 * no more than {@link workersFor}, which is taken unmeasured on GPUs, where nothing is to be trained, or where the network cannot be measured.
 * @param memory in gigabytes, of one process.
 */
export async function measuredWorkers(
  root: string,
  grid: RunList,
  {
    memory,
    log = console.log,
    span = SPAN,
  }: { memory?: number | undefined; log?: ((line: string) => void) | undefined; span?: number } = {},
): Promise<number> {
  const most = await workersFor(grid, memory);
  const spec = Object.entries(grid.runs).find(
    ([hash, { analysis, threads }]) => !analysis && threads !== null && !isDone(root, hash),
  )?.[1];
  if (!spec || most === 1) return most;
  try {
    const measured = await throughputs(root, spec, most, span);
    const best = fewest(measured);
    const figures = measured.map(({ workers, imagesPerSecond }) => `${workers}: ${Math.round(imagesPerSecond)}`);
    log(`Images a second by runs at a time: ${figures.join(', ')}; so ${counted(best, 'run')} at a time`);
    return best;
  } catch (error) {
    log(
      `How many runs at a time do most could not be measured, so it is as many as cores and memory allow: ${(error as Error).message}`,
    );
    return most;
  }
}

/** The fewest workers that do nearly as much as any number does. */
export function fewest(measured: readonly Throughput[]): number {
  const most = Math.max(...measured.map(({ imagesPerSecond }) => imagesPerSecond));
  const enough = measured.filter(({ imagesPerSecond }) => imagesPerSecond >= NEARLY * most);
  return Math.min(...enough.map(({ workers }) => workers));
}

async function throughputs(root: string, spec: Spec, most: number, span: number): Promise<Throughput[]> {
  // The network from initial weights: what it starts from may not be done, and costs the same.
  const setting = JSON.stringify({ root, spec: { ...spec, from: null } });
  const processes = Array.from(
    { length: most },
    (_, i) => new WorkerProcess(`run ${i + 1}`, process.execPath, [COST_WORKER, setting], engineVariables(spec)),
  );
  try {
    const ready = await Promise.all(processes.map((worker) => worker.ask<{ warmStepMilliseconds: number }>()));
    // All warmed up together, so that this is a step's time with all of them.
    const steps = Math.max(
      1,
      Math.round(span / Math.max(...ready.map(({ warmStepMilliseconds }) => warmStepMilliseconds))),
    );
    const measured: Throughput[] = [];
    for (const workers of candidates(most)) {
      const rates = await Promise.all(
        processes.slice(0, workers).map(async (worker) => {
          const { milliseconds } = await worker.ask<Steps>(`step ${steps}`);
          return (1000 * steps * spec.recipe.batchSize) / milliseconds.reduce((sum, time) => sum + time, 0);
        }),
      );
      measured.push({ workers, imagesPerSecond: rates.reduce((sum, rate) => sum + rate, 0) });
    }
    return measured;
  } finally {
    await Promise.all(processes.map((worker) => worker.stop()));
  }
}
