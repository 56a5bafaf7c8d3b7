/** The commands `data verify` and `data show`, with their options, help and examples. */
import { type Command, Option } from 'commander';
import { examples, IMAGES, MAX_PIXELS, withImport } from './options.js';
import { count, index } from './values.js';

export function addDataCommands(root: Command): void {
  const data = root.command('data').description('Look at a data set.');

  examples(
    withImport(
      data
        .command('verify')
        .description('Decode every image: counts, broken and duplicate files, sizes, mean and standard deviation.'),
    )
      .requiredOption('--data <set>', IMAGES)
      .addOption(new Option('--split <name>', 'which images').choices(['train', 'val', 'test']).default('train'))
      .option('--workers <n>', 'threads; default: one for each processor', count)
      .option('--max-pixels <n>', MAX_PIXELS, count)
      .option('--json', 'the whole result as JSON'),
    'data verify --data imagenet:/data/imagenet --split test --json',
    'data verify --data folder:photos',
    'data verify --data camvid:/data/camvid',
  ).action(async (options) => (await import('./commands/data.js')).verify(options));

  examples(
    withImport(data.command('show').description('A contact sheet of a batch, as the network would see it.'))
      .requiredOption('--data <set>', IMAGES)
      .requiredOption('--output <file>', 'a new .png')
      .addOption(new Option('--split <name>', 'which images').choices(['train', 'val', 'test']).default('train'))
      .option('--transform <text>', 'such as "randomResizedCrop(224)|flip|normalize(imagenet)"')
      .option('--images <n>', 'how many', count, 24)
      .option('--max-pixels <n>', MAX_PIXELS, count)
      .option('--seed <n>', 'of order and augmentation', index, 0)
      .option('--epoch <n>', 'whose augmentation', index, 0),
    'data show --data folder:photos --transform "randomResizedCrop(160)|flip|normalize(imagenet)" --output sheet.png',
    'data show --data cifar10 --output sheet.png',
    'data show --data camvid:/data/camvid --output sheet.png',
  ).action(async (options) => (await import('./commands/data.js')).show(options));
}
