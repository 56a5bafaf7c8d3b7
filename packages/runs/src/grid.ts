/** A grid: the runs of an experiment, and where each stands in its table. Kept in `ROOT/grids/NAME/grid.json`. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeAtomically } from '@refconv/training/files';
import { checkData } from './data.js';
import { isDone, readJson } from './folder.js';
import { type Hash, hashOfSpec, parseSpec, type Spec, type SpecInput, shortHash } from './spec.js';

/** One run's place in the table. */
export interface GridRow {
  network: string;
  /** The method, or what else distinguishes the table's rows. */
  arm: string;
  seed: number;
  hash: Hash;
}

/** What an experiment says about its grid. */
export interface GridNotes {
  name: string;
  /** The paper's claim, or the question. */
  claim: string;
  /** The arm that gains are over. */
  baseline: string;
  /** The paper's gains in points of top-1, by network, of the arm that they are of; only those that are known. */
  paper?: { arm: string; gains: Record<string, number> };
  /** What the table's reader has to know besides, such as how learning rates were chosen. */
  notes?: string;
}

export interface Grid extends GridNotes {
  rows: GridRow[];
  /** By hash, each after the one that it starts from. */
  runs: Record<Hash, Spec>;
}

/** Collects the runs of a grid. */
export class GridBuilder {
  private readonly rows: GridRow[] = [];
  private readonly runs: Record<Hash, Spec> = {};

  constructor(private readonly notes: GridNotes) {}

  /**
   * Adds a run, which may be there already under another name. What it starts from must have been added before.
   * @throws RangeError where the spec is wrong.
   */
  add(network: string, arm: string, input: SpecInput): Hash {
    const spec = parseSpec(input);
    const hash = hashOfSpec(spec);
    if (spec.from && !this.runs[spec.from]) {
      throw new RangeError(`The run ${network} ${arm} starts from ${shortHash(spec.from)}, which is not in the grid.`);
    }
    this.runs[hash] = spec;
    this.rows.push({ network, arm, seed: spec.seed, hash });
    return hash;
  }

  build(): Grid {
    return { ...this.notes, rows: this.rows, runs: this.runs };
  }
}

export const gridFolder = (root: string, name: string) => join(root, 'grids', name);

/** Writes the grid down, once all data that its unfinished runs need are seen to be there. */
export async function planGrid(root: string, grid: Grid): Promise<string> {
  if (!/^[\w.-]+$/.test(grid.name)) throw new RangeError(`'${grid.name}' cannot name a folder.`);
  const sets = new Map(
    Object.entries(grid.runs)
      .filter(([hash, { analysis }]) => analysis?.id !== 'cost' && !isDone(root, hash))
      .map(([, { data }]) => [data.name, data]),
  );
  for (const data of sets.values()) checkData(data);
  return writeGrid(root, grid);
}

/** Writes the grid down, whether or not its runs can be done here. */
export async function writeGrid(root: string, grid: Grid): Promise<string> {
  const folder = gridFolder(root, grid.name);
  await makeFolder(folder);
  await writeAtomically(join(folder, 'grid.json'), [JSON.stringify(grid)]);
  return folder;
}

/** @throws Error where there is no such grid, which names those that there are. */
export async function readGrid(root: string, name: string): Promise<Grid> {
  const grid = await readJson<Grid>(join(gridFolder(root, name), 'grid.json'));
  if (grid) return grid;
  const names = await readdir(join(root, 'grids')).catch(() => []);
  throw new Error(
    `There is no grid '${name}' in ${root}; ${names.length ? `there are ${names.join(', ')}` : 'there is none yet'}. ` +
      'The scripts in experiments make them.',
  );
}
