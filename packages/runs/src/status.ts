/** Where a grid stands. */
import { counted } from '@refconv/datasets/text';
import { type State, shortHash, stateOf } from './folder.js';
import type { Grid, GridRow } from './grid.js';
import { scoreOf } from './result.js';
import { slurmQueue, submittedJobs } from './slurmJobs.js';
import { neededRuns } from './spec.js';

/** What a run that waits waits for, where that is known. */
export interface RowState extends GridRow {
  state: State;
  waitsFor?: string;
  /** It was submitted to Slurm, and why it is not known whether it is in the queue. */
  queueUnknown?: string;
}

/**
 * The state of each row's run. One that starts from a run that failed counts as failed, and one that starts from a cancelled run as cancelled.
 * @example
 * ```ts
 * const rows = await gridStatus('results', grid);
 * console.log(statusText(grid, rows));
 * ```
 */
export async function gridStatus(root: string, grid: Grid): Promise<RowState[]> {
  let queueUnknown: string | undefined;
  const queued = await slurmQueue(root, grid.name).catch((error: Error) => {
    queueUnknown = error.message;
    return undefined;
  });
  const states = new Map<string, State>();
  const waitsFor = new Map<string, string>();
  for (const [hash, spec] of Object.entries(grid.runs)) {
    const state = await stateOf(root, hash, spec);
    // Of what it needs, what keeps it waiting: above all what failed.
    const needed = neededRuns(spec).map((each) => ({ name: shortHash(each), parent: states.get(each) }));
    const [{ parent, name } = { parent: undefined, name: '' }] = [
      'failed',
      'cancelled',
      'waiting',
      'running',
      'done',
    ].flatMap((kind) => needed.filter((each) => each.parent?.state === kind));
    states.set(hash, state);
    if (state.state !== 'waiting') continue;
    if (parent?.state === 'failed') {
      const reason = parent.inherited ? parent.reason : `${name}, which it starts from, failed: ${parent.reason}`;
      states.set(hash, { state: 'failed', reason, inherited: true });
    } else if (parent?.state === 'cancelled') states.set(hash, parent);
    else {
      const task = queued?.get(hash);
      if (task) waitsFor.set(hash, `Slurm's task ${task.task}, ${task.state.toLowerCase()}: ${task.reason}`);
      else if (parent && parent.state !== 'done') waitsFor.set(hash, name);
    }
  }
  // As long as something runs or is queued a launcher may yet come to them; and squeue 22.05 leaves out the last task of a long array with gaps.
  const over = queued && ![...queued.values()].some((task) => task);
  if (over && [...states.values()].every(({ state }) => state !== 'running')) {
    for (const hash of queued.keys()) {
      if (states.get(hash)?.state === 'waiting') {
        waitsFor.set(hash, "nothing: it is no longer in Slurm's queue; start the grid again");
      }
    }
  }
  const jobs = queueUnknown === undefined ? [] : await submittedJobs(root, grid.name);
  const submitted = new Set(jobs.flatMap(({ tasks }) => Object.values(tasks)));
  return grid.rows.map((row) => {
    const state = states.get(row.hash) as State;
    const unknown = state.state === 'waiting' && submitted.has(row.hash) && { queueUnknown };
    return { ...row, state, waitsFor: waitsFor.get(row.hash), ...unknown };
  });
}

/**
 * Whether nothing will change without somebody doing something.
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises';
 * while (!isSettled(await gridStatus('results', grid))) await setTimeout(10_000);
 * ```
 */
export const isSettled = (rows: readonly RowState[]) =>
  rows.every(({ state }) => state.state !== 'running' && state.state !== 'waiting');

const ORDER: State['state'][] = ['running', 'failed', 'cancelled', 'waiting', 'done'];
const header = (measure: string) => ['network', 'arm', 'seed', 'run', 'state', 'epoch', measure, 'left', ''];

export interface StatusOptions {
  /** Every run; otherwise those that are done or wait are only counted. */
  all?: boolean;
  /** The largest number of lines. */
  height?: number;
}

/**
 * The table as text: running ones first, then those that failed.
 * @example
 * ```ts
 * console.log(statusText(grid, await gridStatus('results', grid), { all: true }));
 * ```
 */
export function statusText(grid: Grid, rows: readonly RowState[], options: StatusOptions = {}): string {
  const { all = false, height = Number.POSITIVE_INFINITY } = options;
  const counts = ORDER.map((state) => ({ state, count: rows.filter((row) => row.state.state === state).length }));
  const summary = counts.filter(({ count }) => count > 0).map(({ state, count }) => `${count} ${state}`);
  const unknown = rows.find((row) => row.queueUnknown !== undefined)?.queueUnknown;
  const head = [
    `${grid.name}: ${counted(rows.length, 'run')}: ${summary.join(', ')}`,
    ...(unknown === undefined ? [] : [`${unknown}. Whether what waits is in it is not known.`]),
  ];
  const found = rows
    .filter(({ state }) => all || !['done', 'waiting'].includes(state.state))
    .toSorted((a, b) => ORDER.indexOf(a.state.state) - ORDER.indexOf(b.state.state));
  if (found.length === 0) return head.join('\n');
  const room = height - head.length;
  const shown = found.length + 1 > room ? found.slice(0, Math.max(0, room - 2)) : found;
  const measures = [...new Set(Object.values(grid.runs).map((spec) => scoreOf(spec).title))];
  const titles = header(measures.join(' or '));
  const cells = [titles, ...shown.map(cellsOf)];
  const widths = titles.map((_, i) => Math.max(...cells.map((row) => (row[i] as string).length)));
  const lines = cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd(),
  );
  const more = found.length - shown.length;
  return [...head, ...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function cellsOf({ network, arm, seed, hash, state, waitsFor }: RowState): string[] {
  const place = [network, arm, String(seed), shortHash(hash), state.state];
  switch (state.state) {
    case 'running': {
      const { epoch, epochs, score, secondsLeft, holder } = state;
      const left = secondsLeft === undefined ? '' : duration(secondsLeft);
      return [...place, epochs ? `${epoch}/${epochs}` : '', percent(score), left, `on ${holder.host}`];
    }
    case 'failed':
      return [...place, '', '', '', state.reason];
    case 'waiting': {
      const { epoch, epochs } = state;
      return [...place, epoch > 0 ? `${epoch}/${epochs}` : '', '', '', waitsFor ? `for ${waitsFor}` : ''];
    }
    case 'done':
      return [...place, '', percent(state.score), '', ''];
    default:
      return [...place, '', '', '', ''];
  }
}

/** How far a training has come, such as `epoch 3/105, top-1 80.12 %, 2.1 h left`. */
export function progressText(
  { epoch, epochs, score, secondsLeft }: Extract<State, { state: 'running' }>,
  measure: string,
): string {
  const parts = [`epoch ${epoch}/${epochs}`];
  if (score !== undefined) parts.push(`${measure} ${percent(score)}`);
  if (secondsLeft !== undefined) parts.push(`${duration(secondsLeft)} left`);
  return parts.join(', ');
}

const percent = (share: number | undefined) => (share === undefined ? '' : `${(100 * share).toFixed(2)} %`);

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
