/** The commands `train` and `recipe`, with their options, help and examples. */
import type { Command } from 'commander';
import { examples, withData, withMethod, withNetwork, withTask } from './options.js';
import { withRecipe } from './recipeOptions.js';
import { count, index } from './values.js';

export function addTrainCommands(root: Command): void {
  examples(
    withMethod(
      withRecipe(
        withData(
          withTask(
            withNetwork(
              root
                .command('train')
                .description('Train a network; an interrupted training goes on by the same command.'),
            ),
            { own: true },
          ),
        ),
      ),
    )
      .option(
        '--new-head',
        'keep the body of --weights or --model and begin with new classes; by itself where their number is another',
      )
      .requiredOption('--output <dir>', 'the run: metrics.csv, checkpoints, and in the end the model in DIR/model')
      .option(
        '--validation <n>',
        'so many training images, the same ones for every seed, are held out: each epoch is evaluated on them, and the test images ' +
          'once at the end; default: none, and each epoch is evaluated on the test images',
        count,
      )
      .option('--teacher <dir>', 'a model folder to learn from, with --distillation')
      .option(
        '--transform <text>',
        'of training images, by loader threads; default for images in files: "randomResizedCrop(224)|flip|…", the normalisation as ' +
          'in --test-transform. See docs/data.md',
      )
      .option(
        '--seed <n>',
        'of all that is drawn: initial weights, those of the method, order, augmentation, dropout',
        index,
        1,
      )
      .option(
        '--tensorboard [dir]',
        'event files for TensorBoard: losses and measures, learning rate, the norm of each W_r, the recipe, a contact sheet of the first batch; default: DIR/tensorboard of --output',
      )
      .option(
        '--serve [port]',
        'a page of the training, for this machine alone: curves, log, memory, and a button to stop it',
        count,
      )
      .option(
        '--processes <n>',
        'processes that train together, each on a GPU of its own, or on its share of the cores; --batch-size is that of all. See docs/cluster.md',
        count,
      )
      .option('--eager', 'operation by operation instead of compiled, for debugging')
      .option('--allow-other-start', 'go on with a run that began with other weights')
      .option(
        '--allow-other-threads',
        'go on with a run of another number of threads or processes; its end is then not bit-equal',
      ),
    'train --backbone mobilenetv1 --data cifar10 --epochs 30 --warm-up-epochs 2 --output runs/baseline',
    'train --backbone mobilenetv2 --data folder:photos --transform "randomResizedCrop(160)|flip|normalize(imagenet)" --input-size 160 --output runs/photos',
    'train --model runs/baseline/model --method refconv --data cifar10 --epochs 30 --warm-up-epochs 2 --output runs/refconv',
    'train --backbone mobilenetv3_small --data cifar10 --recipe my.json --average 0.999 --output runs/own',
    'train --backbone mobilenetv2 --weights mobilenet_v2.safetensors --data folder:photos --new-head --freeze "^(?!classifier)" --epochs 10 --output runs/head',
    'train --import tinynet.mjs --backbone tinynet --data cifar10 --output runs/tinynet',
    'train --task segmentation --backbone mobilenetv1 --width 0.25 --weights mobilenetv1.safetensors --data camvid:camvid --image-size 180x240 --output runs/camvid',
    'train --task detection --backbone mobilenetv1 --width 0.25 --weights mobilenetv1.safetensors --data voc:bccd --skip-broken --output runs/bccd',
  ).action(async (options, command: Command) => {
    const { together } = await import('./processes.js');
    // What was not given has the defaults of specs, which stand there.
    const given = Object.entries(options).filter(([name]) => command.getOptionValueSource(name) !== 'default');
    const told = { ...Object.fromEntries(given), output: options.output, data: options.data, seed: options.seed };
    // TensorFlow is loaded by the processes that train, and not by one that starts them.
    await together(options.processes, async () => (await import('./commands/train.js')).train(told));
  });

  examples(
    root
      .command('recipe')
      .description('A recipe as a whole, as JSON: to read, and to change for --recipe FILE.json.')
      .argument('[name]', 'default: lists them'),
    'recipe a3',
    'recipe convnext > my.json',
  ).action(async (name) => (await import('./commands/recipe.js')).recipe(name));
}
