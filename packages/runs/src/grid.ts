/** A grid: the runs of an experiment, and where each stands in its table. Kept in `ROOT/grids/NAME/grid.json`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { counted } from '@refconv/datasets/text';
import { hashOf, importAgain, makeFolder, namesIn, readJson, writeAtomically } from '@refconv/files';
import { type Asked, askedSchema } from './asked.js';
import { checkData } from './data.js';
import { isDone } from './folder.js';
import { type OldGrid, ofThisVersion } from './oldGrid.js';
import { checkReplacement } from './replacement.js';
import { type Hash, hashOfSpec, neededRuns, parseSpec, type Spec, type SpecInput, shortHash } from './spec.js';

/** One run's place in the table. */
export interface GridRow {
  network: string;
  /** The method, or what else distinguishes the table's rows. */
  arm: string;
  seed: number;
  hash: Hash;
  /** Of an analysis: the arm whose network it is of. */
  of?: string;
}

/** What an experiment says about its grid. */
export interface GridNotes extends Asked {
  /** Of its folder; it means nothing. */
  name: string;
  /** The script of experiments/ that asks. */
  experiment: string;
  /** The size, of those that every experiment comes in. */
  preset: string;
  /** The experiment's table; a search of learning rates; the table with the rates that a search has found. */
  kind: 'table' | 'search' | 'tuned';
  /** What is otherwise than in the preset, by the setting's path, such as `recipe.epochs`; null: nothing. */
  changed: Record<string, unknown> | null;
  /** The file is older than these four: they are guessed of its name, and what was changed is not known. */
  guessed?: true;
  /** Arms of the experiment that it has not, as the preset or a change names others. */
  armsLeftOut?: string[];
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
   * @param of the arm whose network it analyses.
   * @throws RangeError where the spec is wrong.
   */
  add(network: string, arm: string, input: SpecInput, of?: string): Hash {
    const spec = parseSpec(input);
    const hash = hashOfSpec(spec);
    const missing = neededRuns(spec).find((needed) => !this.runs[needed]);
    if (missing)
      throw new RangeError(`The run ${network} ${arm} starts from ${shortHash(missing)}, which is not in the grid.`);
    this.runs[hash] = spec;
    this.rows.push({ network, arm, seed: spec.seed, hash, ...(of !== undefined && { of }) });
    return hash;
  }

  build(): Grid {
    return { ...this.notes, rows: this.rows, runs: this.runs };
  }
}

/** What of a grid its runs need. */
export type RunList = Pick<Grid, 'name' | 'rows' | 'runs'>;

/** The runs of some arms, of all networks and seeds. @throws RangeError where the grid has no such arm. */
export function runsOfArms({ name, rows }: Pick<RunList, 'name' | 'rows'>, arms: readonly string[]): Hash[] {
  checkArms(`The grid ${name}`, [...new Set(rows.map(({ arm }) => arm))], arms);
  return rows.filter(({ arm }) => arms.includes(arm)).map(({ hash }) => hash);
}

/** @param owner what has the known arms, as the message names it. @throws RangeError where one that is wanted is not among them. */
export function checkArms(owner: string, known: readonly string[], wanted: readonly string[]): void {
  const unknown = wanted.find((arm) => !known.includes(arm));
  if (unknown === undefined) return;
  throw new RangeError(`${owner} has no arm '${unknown}'; it has ${quoted(known)}.`);
}

const quoted = (arms: readonly string[]) => arms.map((arm) => `'${arm}'`).join(', ');

/**
 * Preset, kind, changes and what was left out, to read.
 * @example
 * ```ts
 * settingsText(grid); // such as 'smoke; changed: recipe.epochs = 3'
 * ```
 */
export function settingsText({ preset, kind, changed, guessed, armsLeftOut }: GridNotes): string {
  const changes = Object.entries(changed ?? {}).map(([path, value]) => `${path} = ${JSON.stringify(value)}`);
  return [
    `${preset || 'unknown'}${guessed ? ', guessed of the name' : ''}`,
    ...{ table: [], search: ['search of learning rates'], tuned: ['tuned learning rates'] }[kind],
    ...(changes.length > 0 ? [`changed: ${changes.join(', ')}`] : []),
    ...(armsLeftOut ? [`${counted(armsLeftOut.length, 'arm')} left out: ${quoted(armsLeftOut)}`] : []),
  ].join('; ');
}

/**
 * The folder of a grid: `ROOT/grids/NAME`.
 * @example
 * ```ts
 * gridFolder('results', 'comparison-smoke'); // 'results/grids/comparison-smoke'
 * ```
 */
export const gridFolder = (root: string, name: string) => join(root, 'grids', name);
const gridFile = (root: string, name: string) => join(gridFolder(root, name), 'grid.json');

/**
 * Writes the grid down, once all data and files of a user's own that its unfinished runs need are seen to be there.
 * @throws Error where a grid of that name is there whose runs the new one has not: nothing is replaced.
 * @example
 * ```ts
 * await planGrid('results', grid);
 * const { failed } = await runQueue('results', grid, { workers: 2 });
 * ```
 */
export async function planGrid(root: string, grid: Grid): Promise<string> {
  const { name, runs } = grid;
  if (!/^[\w.-]+$/.test(name)) throw new RangeError(`'${name}' cannot name a folder.`);
  const kept = await keepsGrid(root, grid);
  const open = Object.entries(runs).flatMap(([hash, spec]) => (isDone(root, hash) ? [] : [spec]));
  for (const { imports } of open) await importAgain(imports, import.meta.url);
  const sets = new Map(open.filter(({ analysis }) => analysis?.id !== 'cost').map(({ data }) => [data.name, data]));
  for (const data of sets.values()) checkData(data);
  return kept ? gridFolder(root, name) : writeGrid(root, grid);
}

/** Whether the grid that has this one's name stays. @throws Error where that has runs which the new one has not. */
export async function keepsGrid(root: string, grid: Grid): Promise<boolean> {
  const there = await findGrid(root, grid.name);
  return there !== undefined && checkReplacement(gridFolder(root, grid.name), there, grid);
}

/**
 * Writes the grid down, whatever is there, and whether or not its runs can be done here.
 * @example
 * ```ts
 * await writeGrid('results', grid); // also where its data are not here
 * ```
 */
export async function writeGrid(root: string, grid: Grid): Promise<string> {
  const folder = gridFolder(root, grid.name);
  await makeFolder(folder);
  await writeAtomically(gridFile(root, grid.name), [JSON.stringify(grid)]);
  return folder;
}

/**
 * @throws Error where there is no such grid, which names those that there are.
 * @example
 * ```ts
 * const grid = await readGrid('results', 'comparison-smoke');
 * ```
 */
export async function readGrid(root: string, name: string): Promise<Grid> {
  const grid = await findGrid(root, name);
  if (grid) return grid;
  const folders = await namesIn(join(root, 'grids'));
  const names = folders.filter((each) => existsSync(gridFile(root, each)));
  throw new Error(
    `There is no grid '${name}' in ${root}; ${names.length ? `there are ${names.join(', ')}` : 'there is none yet'}. ` +
      'The scripts in experiments make them.',
  );
}

/** @throws Error where its file is damaged. */
async function findGrid(root: string, name: string): Promise<Grid | undefined> {
  const path = gridFile(root, name);
  if (!existsSync(path)) return undefined;
  const remedy = 'move it away, and its script writes it anew';
  const grid = await readJson<Grid | OldGrid>(path, remedy);
  if (grid === undefined) return undefined;
  const problem = gridProblem(grid);
  const known = problem === undefined ? ofThisVersion(grid) : undefined;
  const [wrong] = askedSchema.safeParse(known).error?.issues ?? [];
  if (known && !wrong) return known;
  throw new Error(`${path} is damaged (${problem ?? `${wrong?.path.join('.')}: ${wrong?.message}`}); ${remedy}.`);
}

/** What is wrong with a grid that a file brought. */
function gridProblem(grid: Grid | OldGrid): string | undefined {
  if (!Array.isArray(grid?.rows) || typeof grid.runs !== 'object' || grid.runs === null) return 'it is not a grid';
  for (const [hash, spec] of Object.entries(grid.runs)) {
    if (hashOf(spec) !== hash) return `what stands under the run ${shortHash(hash)} is the spec of another`;
    if (neededRuns(spec).some((needed) => !grid.runs[needed]))
      return `${shortHash(hash)} starts from a run that it has not`;
  }
  const wrong = grid.rows.findIndex((row) => {
    const { network, arm, seed, hash } = row ?? {};
    return (
      ![network, arm, hash].every((text) => typeof text === 'string') || !Number.isInteger(seed) || !grid.runs[hash]
    );
  });
  return wrong < 0 ? undefined : `row ${wrong + 1} is not of one of its runs`;
}
