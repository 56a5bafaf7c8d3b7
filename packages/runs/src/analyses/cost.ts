/** What a training step costs: counted, and measured beside the plain network's, in turns, with nothing else of ours on the machine. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cost, stepCost, trainingCost } from '@refconv/analysis';
import { alone, BUSY, type Measured, measureInTurns, type Round, WorkerProcess } from '@refconv/analysis/measurement';
import { mean, median, pairedRatios, spread } from '@refconv/analysis/statistics';
import { DATASETS } from '@refconv/datasets';
import { writeAtomically } from '@refconv/files';
import { merge } from '@refconv/refconv';
import type { LayersModel } from '@tensorflow/tfjs';
import { stringify } from 'csv-stringify/sync';
import { engineVariables } from '../engine.js';
import { startingModel } from '../network.js';
import type { AnalysisRow } from '../result.js';
import type { Spec } from '../spec.js';
import type { Analyse } from './analyse.js';

/** The program of a process that does a network's steps when it is told. */
export const COST_WORKER = fileURLToPath(new URL('./costWorker.js', import.meta.url));

/** Fresh processes of each network where two are compared: as many measurements of the memory. The rounds are shared out among them. */
const PROCESSES = 3;
const ROUND_MILLISECONDS = 500;

/** The network that an analysis of the cost is of. @throws RangeError where the images' shape is not known. */
export function costModel(root: string, spec: Spec): Promise<LayersModel> {
  const set = DATASETS.find(spec.data.name)?.known;
  if (!set) {
    const known = DATASETS.entries().flatMap(([name, each]) => (each.known ? [name] : []));
    throw new RangeError(`The cost of ${spec.data.name} is not known: choose of ${known.join(', ')}.`);
  }
  const side = spec.data.size ?? set.size;
  return startingModel(root, spec, { classes: set.classes, shape: [side, side] });
}

export const analyseCost: Analyse<'cost'> = async ({ root, folder, spec, analysis: { steps }, signal, log }) => {
  const counts = await counted(root, spec);
  if (steps === 0) return [counts];
  try {
    const measured = await alone(() => measure(root, spec, steps, { signal, log }), { signal, log });
    await writeAtomically(join(folder, 'rounds.csv'), [roundsCsv(measured)]);
    return [{ ...counts, ...numbersOf(measured, spec) }];
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
};

async function counted(root: string, spec: Spec): Promise<AnalysisRow> {
  const model = await costModel(root, spec);
  const plain = spec.method ? await merge(model) : model;
  try {
    const training = trainingCost(model);
    const step = stepCost(model, spec.recipe.batchSize);
    const { trainable, macs } = cost(plain);
    return {
      batch_size: spec.recipe.batchSize,
      parameters_in_training: training.trainable,
      parameters: trainable,
      macs_of_image: macs,
      macs_of_image_in_training: training.macs.image,
      macs_once_a_step: training.macs.step,
      flops_per_step: step.total,
      flops_of_weights: step.weights,
    };
  } finally {
    if (plain !== model) plain.dispose();
    model.dispose();
  }
}

/** What a pair of processes measured, by method, or a single one where the network is plain. */
type Pair = Map<string, Measured>;

const PLAIN = 'plain';
const nameOf = ({ method }: Spec) => method?.id ?? PLAIN;

async function measure(
  root: string,
  spec: Spec,
  steps: number,
  options: { signal?: AbortSignal; log: (line: string) => void },
): Promise<Pair[]> {
  const start = (of: Spec) => () =>
    new WorkerProcess(
      nameOf(of),
      process.execPath,
      [COST_WORKER, JSON.stringify({ root, spec: of })],
      engineVariables(of),
    );
  const workers = { [PLAIN]: start({ ...spec, method: null }), [nameOf(spec)]: start(spec) };
  const pairs: Pair[] = [];
  const processes = spec.method ? Math.min(PROCESSES, steps) : 1;
  for (let i = 0; i < processes; i++) {
    const rounds = Math.floor((steps + i) / processes);
    pairs.push(await measureInTurns(workers, { rounds, roundMilliseconds: ROUND_MILLISECONDS, ...options }));
  }
  return pairs;
}

const timeOf = ({ milliseconds }: Round) => median(milliseconds);
const memoryOf = ({ rounds }: Measured) => 1e6 * (rounds.at(-1) as Round).peakMemoryMB;

/** Each ratio is of one round, that of memory of one pair of processes. On a GPU the memory is not told: it is the device's that counts. */
function numbersOf(pairs: readonly Pair[], spec: Spec): AnalysisRow {
  const of = (name: string) => pairs.map((pair) => pair.get(name) as Measured);
  const [own, plain] = [of(nameOf(spec)), of(PLAIN)];
  const times = (measured: readonly Measured[]) => measured.flatMap(({ rounds }) => rounds.map(timeOf));
  const rounded = (value: number) => Number(value.toPrecision(6));
  const withSpread = (name: string, { median: middle, min, max }: ReturnType<typeof spread>): AnalysisRow => ({
    [name]: rounded(middle),
    [`${name}_least`]: rounded(min),
    [`${name}_largest`]: rounded(max),
  });
  const all = pairs.flatMap((pair) => [...pair.values()].flatMap(({ rounds }) => rounds));
  const others = mean(all.map((round) => round.others));
  const ratios = (name: string, quotients: ReturnType<typeof pairedRatios>) =>
    spec.method && quotients && withSpread(name, quotients);
  const memory = spec.threads !== null && {
    peak_memory: median(own.map(memoryOf)),
    ...ratios('memory_ratio', pairedRatios(own.map(memoryOf), plain.map(memoryOf))),
  };
  return {
    ...withSpread('milliseconds', spread(times(own))),
    ...ratios('time_ratio', pairedRatios(times(own), times(plain))),
    ...memory,
    used_by_others: Number(others.toFixed(3)),
    disturbed: others >= BUSY ? 'yes' : 'no',
  };
}

/** Every round: which pair of processes, times of a step, memory so far. */
function roundsCsv(pairs: readonly Pair[]): string {
  const rows = pairs.flatMap((pair, i) =>
    [...pair].flatMap(([network, { rounds }]) =>
      rounds.map((round, j) => [
        ...[i + 1, j + 1, network, timeOf(round), 1e6 * round.peakMemoryMB, round.milliseconds.length],
        round.others.toFixed(3),
      ]),
    ),
  );
  return stringify([
    ['process', 'round', 'network', 'milliseconds', 'peak_memory', 'steps', 'used_by_others'],
    ...rows,
  ]);
}
