/** The group `refconv experiment`: grids of runs. What a command does is loaded when it is called. */
import { setTimeout as sleep } from 'node:timers/promises';
import { counted, listed } from '@refconv/datasets/text';
import type { LaunchOptions } from '@refconv/runs';
import type { Command } from 'commander';
import { type Root, startGrid, untilInterrupt, withLauncher, withRoot } from './launcher.js';
import { count } from './values.js';

interface Arms {
  arm?: string[];
}

const withArms = (command: Command): Command =>
  withRoot(command).option(
    '--arm <name>',
    'only the runs of this arm; repeatable',
    (name: string, before: string[] = []) => [...before, name],
  );

export function addExperimentCommands(program: Command): void {
  const group = program
    .command('experiment')
    .description("Grids of runs: the paper's experiments. The scripts in experiments/ plan and start them.");

  withLauncher(group.command('run <name>').description('Go on with a grid that a script has planned.')).action(
    async (name: string, options: Root & LaunchOptions) => {
      const { readGrid } = await import('@refconv/runs/grid');
      await startGrid(options.results, await readGrid(options.results, name), options);
    },
  );

  withRoot(group.command('status <name>'))
    .description(
      'Which runs are done, run, wait, or have failed, and why. On a terminal the table is live until nothing runs or waits.',
    )
    .option('--all', 'list the runs that are done, with their final top-1, or wait too')
    .option('--once', 'print the table and end, as where the output is no terminal')
    .option('--json', 'as JSON, once')
    .action(async (name: string, { results, all, once, json }: Root & Record<'all' | 'once' | 'json', boolean>) => {
      const { readGrid } = await import('@refconv/runs/grid');
      const { gridStatus, isSettled, statusText } = await import('@refconv/runs/status');
      const grid = await readGrid(results, name);
      let rows = await gridStatus(results, grid);
      if (json) return console.log(JSON.stringify(rows, undefined, 2));
      if (once || !process.stdout.rows) return console.log(statusText(grid, rows, { all }));
      const { createLogUpdate } = await import('log-update');
      const show = createLogUpdate(process.stdout);
      for (;;) {
        show(statusText(grid, rows, { all, height: process.stdout.rows - 1 }));
        if (isSettled(rows)) return show.done();
        await sleep(1000);
        rows = await gridStatus(results, grid);
      }
    });

  withArms(
    group.command('retry <name>').description('Let runs that failed or were cancelled be started again.'),
  ).action(async (name: string, { results, arm }: Root & Arms) => {
    const { readGrid, runsOfArms } = await import('@refconv/runs/grid');
    const { retryRuns } = await import('@refconv/runs/control');
    const grid = await readGrid(results, name);
    const retried = await retryRuns(results, grid, arm && runsOfArms(grid, arm));
    console.log(`${counted(retried, 'run')} will be tried again: refconv experiment run ${name}`);
  });

  withArms(
    group
      .command('cancel <name>')
      .description('Stop its runs, with checkpoints, wherever they are; also those that other grids share.'),
  ).action(async (name: string, { results, arm }: Root & Arms) => {
    const { readGrid, runsOfArms } = await import('@refconv/runs/grid');
    const { cancelJobs, cancelRuns } = await import('@refconv/runs/control');
    const grid = await readGrid(results, name);
    const cancelled = await cancelRuns(results, grid, arm && runsOfArms(grid, arm));
    console.log(`${counted(cancelled, 'run')} cancelled; refconv experiment retry ${name} takes that back.`);
    // Tasks of an arm end as soon as they start; a job has those of others too.
    if (!arm) await cancelJobs(results, name);
  });

  withRoot(
    group
      .command('clean <name>')
      .description(
        'Remove the checkpoints of its finished runs, and what is left of runs that failed or were cancelled.',
      ),
  ).action(async (name: string, { results }: Root) => {
    const [{ readGrid }, { cleanRuns }] = [await import('@refconv/runs/grid'), await import('@refconv/runs/control')];
    const { isCheckpoint } = await import('@refconv/training/checkpoint');
    const removed = await cleanRuns(results, await readGrid(results, name), isCheckpoint);
    console.log(`Removed ${counted(removed, 'file or folder', 'files and folders')}.`);
  });

  withRoot(
    group
      .command('serve')
      .description(
        'A page of all grids as they run, for this machine alone: curves, queue, memory, logs, stop and retry.',
      )
      .option('--port <n>', 'default: one that is free', count),
  ).action(async ({ results, port }: Root & { port?: number }) => {
    const { serveGrids } = await import('@refconv/runs');
    const { url } = await serveGrids(results, port === undefined ? {} : { port });
    console.log(`The page, with the token to stop and retry runs: ${url}\nCtrl-C ends it; runs go on.`);
  });

  withRoot(
    group.command('table <name>').description('The table of what is done, as Markdown; also writes it and a CSV.'),
  ).action(async (name: string, { results }: Root) => {
    const { readGrid, writeTables } = await import('@refconv/runs');
    console.log(await writeTables(results, await readGrid(results, name)));
  });

  withRoot(
    group
      .command('publish <name>')
      .description(
        'Copy what is small of its finished runs into a folder to give away: specs, results, metrics, tables.',
      )
      .requiredOption('--to <dir>', 'the folder; what is there of other grids stays')
      .option(
        '--models',
        'with the models that its unfinished trainings start from, to go on where only the folder is',
      ),
  ).action(async (name: string, { results, to, models }: Root & { to: string; models?: boolean }) => {
    const { publish } = await import('@refconv/runs');
    const { runs, left, omitted } = await publish(results, name, to, { models, warn: console.error });
    console.log(`${counted(runs, 'run')} in ${to}`);
    if (left.length > 0) console.log(`Not finished: ${listed(left)}`);
    if (omitted.length > 0) console.log(`Left out, as they are above 1 MB: ${omitted.join(', ')}`);
  });

  withRoot(
    group
      .command('rerun <hash>')
      .description('Do a published run again, with those that it starts from, and compare: equal, or within the seeds.')
      .option('--published <dir>', 'the folder that has it', 'reports/measured')
      .option('--workers <n>', 'runs at the same time', count),
  ).action(async (hash: string, { results, published, workers }: Root & { published: string; workers?: number }) => {
    const { agrees, rerun, rerunText } = await import('@refconv/runs');
    const found = await untilInterrupt((signal) => rerun(published, hash, results, { workers, signal }));
    console.log(rerunText(found));
    if (agrees(found) === false) process.exitCode = 1;
  });

  withRoot(group.command('ledger').description('Write the ledger anew from the folders of all runs.')).action(
    async ({ results }: Root) => {
      const { rebuildLedger } = await import('@refconv/runs');
      console.log(counted(await rebuildLedger(results, (problem) => console.error(problem)), 'row'));
    },
  );
}
