/** The page of one training, which its own process serves: that of running grids, with one run. */
import { resolve } from 'node:path';
import { hashOf } from '@refconv/files';
import { progressOf } from '../folder.js';
import type { Spec } from '../spec.js';
import { type ServedGrids, serve } from './server.js';
import { endOf, epochsOf } from './state.js';

export interface WatchedTraining {
  /** Has its metrics.csv; the page calls the training by it. */
  folder: string;
  /** In all. */
  epochs: number;
  /** What the network is for. Default: classification. */
  task?: Spec['task'];
  network: string;
  method: string;
  data: string;
  seed: number;
}

export interface ServedTraining extends ServedGrids {
  /** Aborted where the page's reader stops the training. */
  stopped: AbortSignal;
  /** Adds a line to the log that the page shows. */
  log(line: string): void;
}

/**
 * The page of a training in this process, for this machine alone: its curves, its log and its memory; who knows the token stops it.
 * @param options.port default: one that is free.
 * @throws Error where the port is taken.
 * @example
 * ```ts
 * const training = { folder, epochs: 30, network: 'mobilenetv1', method: 'refconv', data: 'cifar10', seed: 1 };
 * const { url, stopped, log, close } = await serveTraining(training); // fit({ …, signal: stopped, log })
 * ```
 */
export async function serveTraining(
  training: WatchedTraining,
  options: { port?: number } = {},
): Promise<ServedTraining> {
  const { folder, epochs, task, network, method, data, seed } = training;
  const hash = hashOf(resolve(folder));
  const stop = new AbortController();
  let lines = '';
  const served = await serve(
    {
      grids: async () => {
        const note = stop.signal.aborted ? { note: 'stops after this step, with a checkpoint' } : {};
        const memory = process.memoryUsage.rss();
        const progress = await progressOf(folder, epochs, { ...(task && { task }) });
        const run = { ...{ network, arm: method, seed, hash, state: 'running' }, ...note, ...progress, memory };
        return [{ name: folder, experiment: 'refconv train', preset: data, runs: [run] }];
      },
      run: async () => ({ epochs: await epochsOf(folder), log: lines }),
      stop: async () => {
        stop.abort();
        return 1;
      },
    },
    options,
  );
  return {
    ...served,
    stopped: stop.signal,
    log: (line) => {
      lines = endOf(`${lines}${line}\n`);
    },
  };
}
