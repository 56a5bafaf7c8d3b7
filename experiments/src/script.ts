/** The command line that all experiments have. */
import { type LaunchOptions, launch, planGrid, withSettings, writeGrid } from '@refconv/runs';
import { withLauncher } from '@refconv/runs/command';
import { Command, Option } from 'commander';
import { checkSettings, type Experiment, gridOf, PRESETS, type Preset } from './experiment.js';

interface Options extends LaunchOptions {
  preset: Preset;
  set: string[];
  results: string;
  plan?: boolean;
}

/** Plans an experiment as the command line says, and starts it. */
export async function script(experiment: Experiment): Promise<void> {
  const command = withLauncher(new Command(experiment.name).description(experiment.claim))
    .addOption(new Option('--preset <name>', 'the size').choices(PRESETS).makeOptionMandatory())
    .option('--set <path=value>', 'change a setting, such as recipe.epochs=3; repeatable', append, [])
    .option('--plan', 'print the runs as JSON, and start none')
    .showHelpAfterError('(--help shows all options)');
  const options = command.parse().opts<Options>();
  try {
    await start(experiment, options);
  } catch (error) {
    const { message, stack } = error as Error;
    console.error(process.env.REFCONV_DEBUG === '1' ? stack : `${experiment.name}: ${message}`);
    process.exitCode = 1;
  }
}

async function start(experiment: Experiment, options: Options): Promise<void> {
  const { preset, results: root } = options;
  const settings = checkSettings(experiment, withSettings(experiment.presets[preset], options.set));
  const grid = gridOf(experiment, preset, settings);
  if (options.plan) {
    await writeGrid(root, grid);
    console.log(JSON.stringify(grid, undefined, 2));
    return;
  }
  await planGrid(root, grid);
  await launch(root, grid, options);
}

const append = (value: string, values: string[]) => [...values, value];
