/** The command line that all experiments have. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startGrid, withLauncher } from '@refconv/cli/launcher';
import { importFile } from '@refconv/files';
import { type Grid, type LaunchOptions, withSettings } from '@refconv/runs';
import { Command, Option } from 'commander';
import { checkSettings, type Experiment, FORMS, gridOf, PRESETS, type Preset } from './experiment.js';
import { askedText } from './texts.js';
import { parseFactors, searchGrid, tune } from './tuning.js';

interface Options extends LaunchOptions {
  preset: Preset;
  set: string[];
  results: string;
  tune?: string;
  name?: string;
  plan?: boolean;
  import: string[];
}

/**
 * Plans an experiment as the command line says, and starts it.
 * @param url of the module that calls: nothing happens where that is not the program, but was imported.
 */
export async function script(url: string, experiment: Experiment): Promise<void> {
  const [, program] = process.argv;
  if (!program || realpathSync(program) !== fileURLToPath(url)) return;
  const command = withLauncher(new Command(experiment.name).description(experiment.question))
    .addOption(new Option('--preset <name>', 'the size').choices(PRESETS).makeOptionMandatory())
    .option('--set <path=value>', 'change a setting, such as recipe.epochs=3; repeatable', append, [])
    .option(
      '--import <file>',
      'load a file of your own first, which registers networks, data sets and the like; repeatable',
      append,
      [],
    )
    .option('--tune <factors>', 'search the learning rate of every arm among its own times these, such as 0.5,1,2')
    .option('--name <name>', "the grid's, in place of EXPERIMENT-PRESET, or of EXPERIMENT-PRESET-changed-… after --set")
    .option('--plan', 'print the grid as JSON; write and start nothing')
    .addHelpText('after', () => `\n${askedText(experiment)}\n\nForms of settings:\n${FORMS_TEXT}\n`)
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
  const { preset, name, results: root } = options;
  for (const file of options.import) await importFile(file, import.meta.url);
  const settings = checkSettings(experiment, withSettings(experiment.presets[preset], options.set));
  const factors = options.tune === undefined ? undefined : parseFactors(options.tune);
  if (options.plan) {
    const grid = factors
      ? searchGrid(experiment, preset, settings, factors, {}, name).grid
      : gridOf(experiment, preset, settings, { name });
    console.log(JSON.stringify(grid, undefined, 2));
    return;
  }
  const launched = (grid: Grid) => startGrid(root, grid, options);
  if (!factors) return launched(gridOf(experiment, preset, settings, { name }));
  const found = await tune(root, experiment, preset, settings, factors, launched, name);
  if (!found) {
    console.log('The search is not finished: the same command goes on when these runs are done.');
    return;
  }
  console.log(found.notes);
  // A rate at which training fails is no failure of the search.
  process.exitCode = 0;
  await launched(gridOf(experiment, preset, settings, { name, tuned: found }));
}

const FORMS_TEXT = Object.entries(FORMS)
  .map(([name, form]) => `  --set '${name}=${form}'`)
  .join('\n');

const append = (value: string, values: string[]) => [...values, value];
