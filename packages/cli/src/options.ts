/** Options that several commands share. */
import { type Command, Option } from 'commander';
import {
  assignment,
  count,
  imageSize,
  mapKernel,
  numbers,
  outputStride,
  pattern,
  positive,
  positives,
} from './values.js';

export const IMAGES =
  'cifar10[:DIR], cifar100[:DIR], imagenet[:DIR], synthetic, or folder:DIR, whose train and val (or valid, validation, test) have a folder for each class; for segmentation scenes, camvid[:DIR], or ' +
  'segmentation:DIR with images and label images; for detection objects, voc:DIR or coco:DIR (docs/data.md)';

export const MAX_PIXELS = 'images of more cannot be read; default: 179 million';

/** Files of a user's own, which are loaded before the command does anything. */
export function withImport(command: Command): Command {
  return command.option(
    '--import <file>',
    'load a file of your own first, whose methods, networks, data sets, transforms, optimisers and tasks are then known; can be repeated (docs/own.md)',
    (file: string, before: string[] = []) => [...before, file],
  );
}

/** The options that say which network. */
export function withNetwork(command: Command): Command {
  return withImport(command)
    .option('--model <dir>', 'a model folder (model.json and weights.bin)')
    .option('--backbone <id>', 'or a network of this project: `refconv info --all` lists them')
    .option('--weights <file>', 'its weights: .safetensors, or .pth, .pt and .th of PyTorch')
    .addOption(
      new Option('--variant <name>', 'the form of the network; default: by the images').choices(['imagenet', 'cifar']),
    )
    .option('--width <factor>', 'factor on its channels, where the family has one', positive)
    .addOption(new Option('--activation <name>', 'where the family has a choice').choices(['relu', 'relu6']))
    .option(
      '--classes <n>',
      'number of classes, for detection with the background; default: as the weights, the data or the variant have',
      count,
    )
    .option(
      '--input-size <pixels>',
      'height and width of the images; default: as the transform, the data or the variant have',
      count,
    )
    .option('--no-identity', 'leave W_b out of W_t = W_b + W_r ∗ W_b; also of weights with W_r that do not say it');
}

/**
 * The options that say what the network is for.
 * @param choices.only of a command that is for one task.
 * @param choices.own whether tasks of files that are imported are known too.
 */
export function withTask(command: Command, { only, own = false }: { only?: string; own?: boolean } = {}): Command {
  const task = new Option(
    '--task <name>',
    `what the network is for${own ? ': classification, segmentation, detection, or a task of your own (docs/own.md)' : ''}; default: as the model folder says, or classification`,
  );
  if (!own) task.choices(only ? [only] : ['classification', 'segmentation', 'detection']).default(only, only);
  return command
    .addOption(task)
    .addOption(
      new Option(
        '--output-stride <n>',
        'of segmentation: the largest stride of a feature; default: 16, or 32 where the network has no dilated form',
      ).argParser(outputStride),
    )
    .addOption(new Option('--head <name>', 'of segmentation; default: lraspp').choices(['lraspp', 'fcn', 'deeplabv3']))
    .option('--auxiliary', 'of segmentation: a second loss, of fcn and deeplabv3')
    .option(
      '--image-size <size>',
      'of segmentation and detection: height and width to which images are resized, such as 180x240; default: as the transform or the data have, for detection 320x320',
      imageSize,
    );
}

export function withNormalisation(command: Command): Command {
  return command
    .option(
      '--mean <a,b,c>',
      "subtracted from each channel, where 255 is 1; default: the model's, else the data set's",
      numbers,
    )
    .option('--std <a,b,c>', 'each channel is then divided by it', positives);
}

export function withData(command: Command): Command {
  return withDecoding(
    command
      .requiredOption('--data <set>', `${IMAGES}; without DIR looked for in REFCONV_DATA and the cache`)
      .option('--download', 'fetch CIFAR (170 MB) into the cache where it is not found'),
  );
}

/** How images in files become a network's. */
export function withDecoding(command: Command): Command {
  return withNormalisation(command)
    .option(
      '--test-transform <text>',
      'how images in files are evaluated, such as "resize(256)|centerCrop(224)|normalize(imagenet)"; default: as the model was ' +
        'trained for, else as its published weights were evaluated',
    )
    .option('--workers <n>', 'threads that decode images in files; default: one for each processor', count)
    .option(
      '--skip-broken',
      'leave out and count files that cannot be read, and boxes that are wrong; default: stop at the first',
    )
    .option('--max-pixels <n>', MAX_PIXELS, count);
}

export function withRefConv(command: Command): Command {
  return command
    .option('--map-kernel <k>', "size of the map's filters: 1, 3 or 5", mapKernel, 3)
    .addOption(
      new Option(
        '--init <rule>',
        'how W_r starts: as the paper says, as the official code does, or from the plain network',
      )
        .choices(['xavier', 'official', 'zero'])
        .default('xavier'),
    )
    .addOption(new Option('--basis <source>', 'what W_b is').choices(['pretrained', 'random']).default('pretrained'))
    .option('--trainable-basis', 'train W_b too', false)
    .option('--select <regexp>', 'only convolutions whose name matches', pattern);
}

/** The options of RefConv and its rivals. */
export function withMethod(command: Command, preset?: string): Command {
  const method = new Option(
    '--method <id>',
    're-parameterise the network: refconv or a rival, such as repvgg (docs/methods.md)',
  );
  return withRefConv(command)
    .addOption(preset ? method.default(preset) : method)
    .option('--option <name=value>', 'an option of another method than RefConv; can be repeated', assignment)
    .addOption(
      new Option('--start <from>', 'where the blocks of structural methods start').choices(['pretrained', 'scratch']),
    )
    .addOption(
      new Option(
        '--without-batch-norm <do>',
        'what structural methods do where no batch norm follows a convolution: refuse, or merge into a bias',
      ).choices(['refuse', 'bias']),
    )
    .hook('preAction', (_, given) => requireOwnOptions(given));
}

/** Options of RefConv alone, and those that any method has. */
const OF_REFCONV = ['mapKernel', 'init', 'basis', 'trainableBasis', 'identity'];
const OF_METHODS = ['select', 'option', 'start', 'withoutBatchNorm'];
const OF_STRUCTURAL = ['start', 'withoutBatchNorm'];

/** @throws Error where an option was given that nothing would come of: without a method, or with one that does not have it. */
async function requireOwnOptions(command: Command): Promise<void> {
  const { method, weights } = command.opts<{ method?: string; weights?: string }>();
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli');
  const among = (names: readonly string[]) =>
    given.find((option) => names.includes(option.attributeName()))?.long ?? undefined;
  // --no-identity is of weights that hold W_r too.
  const ofRefConv = method !== 'refconv' && among(OF_REFCONV.filter((name) => name !== 'identity' || !weights));
  if (ofRefConv) throw new Error(`${ofRefConv} is of RefConv: give --method refconv, or leave it out.`);
  const ofMethods = method === undefined && among(OF_METHODS);
  if (ofMethods) throw new Error(`${ofMethods} is of a method: give --method ID, or leave it out.`);
  const ofStructural = among(OF_STRUCTURAL);
  if (method === undefined || ofStructural === undefined) return;
  const { name, structural } = (await import('@refconv/refconv')).buildMethod(method);
  if (!structural) throw new Error(`${ofStructural} is of structural methods, and ${name} is none: leave it out.`);
}

export function examples(command: Command, ...lines: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ refconv ${line}`).join('\n')}\n`);
}
