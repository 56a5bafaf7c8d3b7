/** What a folder of runs holds, as the site shows it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '@refconv/files';
import {
  counted,
  type Grid,
  type LedgerRow,
  ledgerOfRuns,
  otherStarts,
  PICTURES,
  readGrid,
  readLedger,
  readResult,
  runFolder,
  type State,
  stateOf,
  type TableRow,
  tableFrom,
  versionOf,
} from '@refconv/runs';
import { leftOutText } from '@refconv/training/leftOut';
import { type EpochMetrics, readMetrics } from '../metrics.js';

/** One run of an experiment. */
export interface ExperimentRun {
  network: string;
  arm: string;
  seed: number;
  hash: string;
  /** Of an analysis: the arm whose network it is of. */
  of?: string;
  state: State;
  /** Of a run that is finished. */
  ledger?: LedgerRow;
  /** Of each epoch that is finished. */
  epochs: EpochMetrics[];
  /** What it does in place of training, if it does. */
  analysis?: string;
  /** Lines of what it left out. */
  leftOut: string[];
  /** The path of its picture, where it has one. */
  pictures?: string;
}

export interface Experiment {
  /** The folder's name, which names the page too. */
  name: string;
  grid: Grid;
  runs: ExperimentRun[];
  table: TableRow[];
  /** What it is measured on. */
  data: string[];
  /** The results' version of its runs; undefined where it has none. */
  version?: number;
}

export interface Site {
  root: string;
  ledger: LedgerRow[];
  experiments: Experiment[];
  /** Finished runs that no experiment has. */
  others: LedgerRow[];
  /** What could not be read, and what to do about it. */
  problems: string[];
}

/**
 * Reads ledger, grids and run folders.
 * @throws Error where the folder is missing, or holds neither a grid nor a ledger.
 */
export async function readSite(root: string): Promise<Site> {
  if (!existsSync(root)) {
    throw new Error(
      `There is no folder ${root}. Give --root the folder of the runs; node experiments/dist/comparison.js --preset smoke makes some.`,
    );
  }
  const names = await namesIn(join(root, 'grids'));
  if (names.length === 0 && !existsSync(join(root, 'ledger.csv'))) {
    throw new Error(
      `${root} holds no runs: it has neither grids nor a ledger.csv. Give --root the folder that an experiment's --results named.`,
    );
  }
  const problems: string[] = [];
  const ledger = await readLedger(root).catch((error: Error) => {
    problems.push(`${error.message} Its rows are taken from the runs' folders here.`);
    return ledgerOfRuns(root, (problem) => problems.push(problem));
  });
  const byHash = new Map(ledger.map((row) => [row.hash, row]));
  const experiments: Experiment[] = [];
  for (const name of names.sort()) {
    try {
      experiments.push(await readExperiment(root, name, byHash, problems));
    } catch (error) {
      problems.push(`The grid ${name} cannot be read: ${(error as Error).message}`);
    }
  }
  const runs = experiments.flatMap((experiment) => experiment.runs);
  const missing = new Set(
    runs
      .filter(({ state, ledger, analysis }) => state.state === 'done' && !ledger && !analysis)
      .map(({ hash }) => hash),
  );
  if (missing.size > 0) {
    problems.push(
      `Not in the ledger: ${counted(missing.size, 'finished run')}: refconv experiment ledger --results ${root} makes it anew.`,
    );
  }
  const known = new Set(runs.map(({ hash }) => hash));
  return { root, ledger, experiments, others: ledger.filter(({ hash }) => !known.has(hash)), problems };
}

async function readExperiment(
  root: string,
  name: string,
  whole: ReadonlyMap<string, LedgerRow>,
  problems: string[],
): Promise<Experiment> {
  const grid = await readGrid(root, name);
  const others = await otherStarts(root, grid);
  problems.push(...others.values());
  const ledger = new Map([...whole].filter(([hash]) => !others.has(hash)));
  const runs = await Promise.all(
    grid.rows.map(async ({ network, arm, seed, hash, of }): Promise<ExperimentRun> => {
      const spec = grid.runs[hash];
      if (!spec) throw new Error(`it has no spec of the run ${hash}.`);
      const other = others.get(hash);
      const state = other
        ? ({ state: 'failed', reason: other } as const)
        : await stateOf(root, hash, spec).catch(
            (error: Error): State => ({ state: 'failed', reason: `its folder cannot be read: ${error.message}` }),
          );
      const { analysis } = spec as { analysis?: { id: string } };
      const epochs = (await readMetrics(runFolder(root, hash)).catch(() => undefined)) ?? [];
      const result = state.state === 'done' ? await readResult(root, hash) : undefined;
      const leftOut = leftOutText(result?.leftOut ?? {});
      const file = join(runFolder(root, hash), PICTURES);
      const shown = existsSync(file) && { pictures: file };
      // A row alone, without a result that it is of, is no measurement.
      const row = state.state === 'done' ? ledger.get(hash) : undefined;
      const run = { network, arm, seed, hash, of, state, ledger: row, epochs, analysis: analysis?.id };
      return { ...run, leftOut, ...shown };
    }),
  );
  const trainings = new Set(runs.filter(({ analysis }) => !analysis).map(({ hash }) => hash));
  const table = tableFrom({ ...grid, rows: grid.rows.filter(({ hash }) => trainings.has(hash)) }, [...ledger.values()]);
  const specs = Object.values(grid.runs);
  const data = [...new Set(specs.map(({ data }) => data.name))];
  const version = versionOf(`The grid ${name}`, specs);
  return { name, grid, runs, table, data, version };
}
