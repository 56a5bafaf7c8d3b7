/** Where a grid stands. */
import { type State, stateOf } from './folder.js';
import type { Grid, GridRow } from './grid.js';
import type { Spec } from './spec.js';

export interface RowState extends GridRow {
  state: State;
  /** For one that waits: whether for a run that failed or was cancelled. */
  blocked: boolean;
}

export async function gridStatus(root: string, grid: Grid): Promise<RowState[]> {
  const hashes = Object.keys(grid.runs);
  const states = new Map<string, State>();
  for (const hash of hashes) states.set(hash, await stateOf(root, hash, grid.runs[hash] as Spec));
  const isBlocked = (hash: string): boolean => {
    const { from } = grid.runs[hash] as Spec;
    if (!from) return false;
    return ['failed', 'cancelled'].includes(states.get(from)?.state ?? '') || isBlocked(from);
  };
  return grid.rows.map((row) => {
    const state = states.get(row.hash) as State;
    return { ...row, state, blocked: state.state === 'waiting' && isBlocked(row.hash) };
  });
}

/** Whether nothing will change without somebody doing something. */
export const isSettled = (rows: readonly RowState[]) =>
  rows.every(({ state, blocked }) => blocked || !['running', 'waiting'].includes(state.state));

/** The table as text. @param all every run; otherwise those that are done or wait are only counted. */
export function statusText(grid: Grid, rows: readonly RowState[], all: boolean): string {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state.state, (counts.get(state.state) ?? 0) + 1);
  const summary = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  const shown = rows.filter(({ state }) => all || !['done', 'waiting'].includes(state.state));
  const cells = shown.map((row) => [row.network, row.arm, `seed ${row.seed}`, row.hash.slice(0, 12), describe(row)]);
  const widths = [0, 1, 2, 3].map((i) => Math.max(0, ...cells.map((row) => (row[i] as string).length)));
  const lines = cells.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  return [`${grid.name}: ${rows.length} runs: ${summary}`, ...lines].join('\n');
}

function describe({ state, blocked }: RowState): string {
  switch (state.state) {
    case 'running': {
      const left = state.secondsLeft === undefined ? '' : `, ${duration(state.secondsLeft)} left`;
      const top1 = state.top1 === undefined ? '' : `, top-1 ${(100 * state.top1).toFixed(2)} %`;
      if (state.epochs === 0) return `running on ${state.holder.host}`;
      return `running on ${state.holder.host}: epoch ${state.epoch} of ${state.epochs}${top1}${left}`;
    }
    case 'failed':
      return `failed: ${state.reason}`;
    case 'waiting':
      if (blocked) return 'waiting for a run that failed or was cancelled';
      return state.epoch > 0 ? `waiting, after epoch ${state.epoch} of ${state.epochs}` : 'waiting';
    default:
      return state.state;
  }
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
