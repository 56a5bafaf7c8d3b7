/** What starts a grid from the command line, here or by an experiment's script: its options, Ctrl-C, what is printed, and the exit status. */
import type { Grid, Launched, LaunchOptions } from '@refconv/runs';
import { type Command, Option } from 'commander';
import { count, positive } from './values.js';

export interface Root {
  results: string;
}

export const withRoot = (command: Command): Command =>
  command.option('--results <dir>', 'where runs, grids and the ledger are', 'results/experiments');

/** The options of launchers. */
export function withLauncher(command: Command): Command {
  return withRoot(command)
    .addOption(new Option('--launcher <name>', 'where the runs are done').choices(['local', 'slurm']).default('local'))
    .option(
      '--workers <n>',
      'local: runs at the same time on this machine, other launchers’ runs of the grid included; default: as many as cores and memory, or GPUs, allow; auto: as many as do most together, measured first',
      (text) => (text === 'auto' ? text : count(text)),
    )
    .option('--memory <GB>', 'of a run', positive, 2)
    .option('--time <limit>', "Slurm's time limit of a run", '24:00:00')
    .option('--account <name>', "Slurm's account")
    .option('--partition <name>', "Slurm's partition");
}

/** Plans a grid and starts it. The exit status is 1 where a run failed or is left, 130 where Ctrl-C stopped them. */
export async function startGrid(root: string, grid: Grid, options: LaunchOptions): Promise<void> {
  const { launch, planGrid } = await import('@refconv/runs');
  await planGrid(root, grid);
  const launched = await untilInterrupt((signal) => launch(root, grid, { ...options, signal }));
  console.log(await textOf(grid, launched));
  if (launched.launcher === 'local' && launched.failed.length + launched.left > 0) process.exitCode ||= 1;
}

/** Does runs until Ctrl-C, at which they stop; the exit status is then 130. */
export async function untilInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { stopAtInterrupt } = await import('@refconv/training/stop');
  const { signal, dispose } = stopAtInterrupt(
    'Stopping the runs after their steps, with checkpoints; the same command goes on.',
  );
  try {
    return await work(signal);
  } finally {
    dispose();
    if (signal.aborted) process.exitCode = 130;
  }
}

async function textOf(grid: Grid, launched: Launched): Promise<string> {
  if (launched.launcher === 'local') {
    const { table, done, failed, left } = launched;
    return `${table}\n${done} done, ${failed.length} failed, ${left} left`;
  }
  const { counted, listed, placeOf, settingsText } = await import('@refconv/runs');
  const { jobs, left } = launched;
  const tasks = jobs.reduce((sum, job) => sum + Object.keys(job.tasks).length, 0);
  const ids = jobs.map(({ id }) => id).join(', ');
  const places = grid.rows.filter(({ hash }) => left.includes(hash)).map((row) => `(${placeOf(row)})`);
  return [
    `${counted(tasks, 'run')} submitted${ids && `, as jobs ${ids}`}`,
    ...(left.length > 0
      ? [`${counted(left.length, 'run')} left out, starting from one that failed or was cancelled: ${listed(places)}`]
      : []),
    ...(grid.armsLeftOut ? [settingsText(grid)] : []),
    `refconv experiment status ${grid.name} tells where they stand`,
  ].join('; ');
}
