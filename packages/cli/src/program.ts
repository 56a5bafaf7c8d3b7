/** The commands, their options, help and examples. What they do is loaded when one is called, so that help is quick. */
import { Command, Help, Option } from 'commander';
import { addDataCommands } from './dataCommands.js';
import { addExperimentCommands } from './experimentCommands.js';
import { addMetricCommands } from './metricCommands.js';
import {
  examples,
  IMAGES,
  withData,
  withDecoding,
  withMethod,
  withNetwork,
  withNormalisation,
  withRefConv,
  withTask,
} from './options.js';
import { addTrainCommands } from './trainCommands.js';
import { count, index, labels, notNegative, notNegatives, positive, share, texts } from './values.js';

/** `help data verify` as `data verify --help`: commander's own `help` knows no commands of groups. */
export const withHelpOption = (args: readonly string[]): string[] =>
  args[0] === 'help' && args.length > 2 ? [...args.slice(1), '--help'] : [...args];

export function program(): Command {
  const root = new Command('refconv')
    .description(
      'Train networks, refocus them with RefConv (arXiv 2310.10563), merge them back, and see what it brings.',
    )
    .version('0.1.0')
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows all options and examples)')
    .configureHelp({
      sortSubcommands: false,
      // The overview has the commands of groups too.
      visibleCommands(command) {
        const commands = Help.prototype.visibleCommands.call(this, command);
        return command.parent
          ? commands
          : commands.flatMap((each) => (each.commands.length > 0 ? each.commands : [each]));
      },
      subcommandTerm(command) {
        const term = Help.prototype.subcommandTerm.call(this, command);
        return command.parent?.parent ? `${command.parent.name()} ${term}` : term;
      },
    });

  addTrainCommands(root);

  examples(
    withRefConv(
      withNetwork(
        root
          .command('refocus')
          .description('Put RefConv layers in the place of the spatial convolutions of a network.'),
      ),
    )
      .requiredOption('--output <path>', 'a new model folder, or a .safetensors file')
      .option('--seed <n>', 'of W_r and of a random basis', index, 0),
    'refocus --model runs/baseline/model --output refocused',
    'refocus --backbone resnet18 --weights resnet18-f37072fd.pth --init zero --output refocused',
  ).action(async (options) => (await import('./commands/refocus.js')).refocusCommand(options));

  examples(
    withNetwork(
      root.command('merge').description('Merge a refocused network: the plain network again, with the kernels W_t.'),
    ).requiredOption(
      '--output <path>',
      'a new model folder, or a .safetensors file with the keys of the plain network',
    ),
    'merge --model runs/refconv/model --output merged',
    'merge --backbone mobilenetv3_small --weights trained_by_the_official_code.pth --output merged.safetensors',
  ).action(async (options) => (await import('./commands/merge.js')).mergeCommand(options));

  examples(
    withData(
      withTask(
        withNetwork(
          root
            .command('evaluate')
            .description('Accuracy on the test images; of segmentation mean IoU, of detection AP.'),
        ),
        { own: true },
      ),
    )
      .addOption(
        new Option('--split <name>', 'of segmentation and detection: which images; default: test').choices([
          'train',
          'val',
          'test',
        ]),
      )
      .option('--batch-size <n>', 'images a call; default: 250, of images in files 50', count)
      .option('--output <dir>', 'of detection: a folder for the boxes and the detections, as COCO has them')
      .option('--json', 'print the result as JSON: top1 is a fraction'),
    'evaluate --model merged --data cifar10',
    'evaluate --model runs/camvid/model --data camvid:camvid',
    'evaluate --model runs/bccd/model --data voc:bccd --output found',
    'evaluate --backbone mobilenetv2 --weights mobilenet_v2-b0353104.pth --data imagenet:/data/imagenet',
    'evaluate --backbone resnet20_cifar --weights resnet20.th --data cifar10:data --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --json',
  ).action(async (options) => (await import('./commands/evaluate.js')).evaluateCommand(options));

  examples(
    withDecoding(
      withTask(
        withNetwork(
          root
            .command('predict')
            .description(
              'What a network makes of images: a CSV with their names; of segmentation label images and pictures, of detection pictures and JSON.',
            ),
        ),
      ),
    )
      .argument('<images...>', 'files, and folders with all images in them')
      .option('--batch-size <n>', 'images a call; default: 50', count)
      .option('--least-score <p>', 'of detection: boxes from it on are drawn; default: 0.5', share)
      .option('--output <path>', 'a .csv; default: to the terminal; of segmentation and detection a folder'),
    'predict --model runs/photos/model photos/new --output predictions.csv',
    'predict --model runs/camvid/model streets --output segmented',
    'predict --model runs/bccd/model blood --output found',
    'predict --backbone mobilenetv2 --weights mobilenet_v2-b0353104.pth dog.jpg cat.jpg',
  ).action(async (images, options) => (await import('./commands/predict.js')).predictCommand(images, options));

  examples(
    withDecoding(
      withNetwork(
        root
          .command('features')
          .description(
            'What a network makes of images before its head, or after any layer, as an array in a .npy file.',
          ),
      ),
    )
      .argument('[images...]', 'files, and folders with all images in them; or --data')
      .option('--data <set>', `${IMAGES}; without DIR looked for in REFCONV_DATA and the cache`)
      .option('--download', 'fetch CIFAR (170 MB) into the cache where it is not found')
      .addOption(new Option('--split <name>', 'which images of --data').choices(['train', 'test']).default('test'))
      .option('--layer <name>', 'whose output; default: what the layer of the logits is given')
      .requiredOption(
        '--output <file>',
        'a .npy: float32 [n, channels], or of spatial outputs [n, channels, height, width]',
      )
      .option('--labels <file>', 'a .npy for the labels of --data: int32 [n]')
      .option('--batch-size <n>', 'images a call; default: 250, of images in files 50', count),
    'features --model runs/photos/model --data folder:photos --output features.npy --labels labels.npy',
    'features --backbone mobilenetv2 --weights mobilenet_v2-b0353104.pth photos/new --output features.npy',
  ).action(async (images, options) => (await import('./commands/features.js')).featuresCommand(images, options));

  examples(
    withNormalisation(
      withNetwork(
        root
          .command('attack')
          .description(
            'Accuracy on test images that are changed by at most eps a pixel, so that the network is wrong.',
          ),
      )
        .requiredOption('--data <set>', 'cifar10[:DIR], cifar100[:DIR] or synthetic')
        .option('--download', 'fetch CIFAR (170 MB) into the cache where it is not found'),
    )
      .addOption(
        new Option('--attack <name>', 'one step along the gradient, many, or those of APGD on the cross entropy')
          .choices(['fgsm', 'pgd', 'apgd'])
          .default('pgd'),
      )
      .option('--eps <list>', 'largest changes of a pixel, in 1/255', notNegatives, [0, 0.25, 0.5, 1, 2, 4, 8])
      .option('--steps <n>', 'of pgd and apgd', count, 20)
      .option('--step <size>', 'of pgd, in 1/255; default: eps/4', positive)
      .addOption(
        new Option('--start <from>', 'the image itself, or anywhere within eps')
          .choices(['none', 'random'])
          .default('none'),
      )
      .option('--seed <n>', 'of random starts: the same for every network', index, 1)
      .option('--skip <n>', 'leaves out the first test images', index, 0)
      .option('--images <n>', 'attacks so many; default: all', count)
      .option('--batch-size <n>', 'images a call', count, 100)
      .option('--show <file>', 'a new .png: some images, what was added times 10, what the network takes them for')
      .option('--json', 'print the result as JSON: accuracy is a fraction, correct has a digit for each image'),
    'attack --model merged --data cifar10 --images 1000',
    'attack --model merged --data cifar10 --attack apgd --eps 0.5,1 --json --show attacked.png',
    'attack --backbone resnet20_cifar --weights resnet20.th --data cifar10:data --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --images 200',
  ).action(async (options) => (await import('./commands/attack.js')).attackCommand(options));

  examples(
    withNetwork(
      root.command('convert').description('Between model folders, safetensors and the files of PyTorch.'),
    ).requiredOption('--output <path>', 'a new model folder, or a .safetensors file with the keys of the reference'),
    'convert --backbone resnet18 --weights resnet18-f37072fd.pth --output resnet18',
    'convert --model merged --output merged.safetensors',
    'convert --weights old.th --output new.safetensors',
  ).action(async (options) => (await import('./commands/convert.js')).convert(options));

  examples(
    withMethod(
      withNetwork(
        root
          .command('info')
          .description('Parameters, multiply-adds, and what RefConv or another method makes of them in training.'),
      ),
      'refconv',
    )
      .option('--all', 'a table of all networks')
      .option('--json', 'as JSON')
      .option('--csv', 'as CSV'),
    'info --backbone mobilenetv2',
    'info --backbone resnet18 --method acb',
    'info --model merged',
    'info --all --csv',
  ).action(async (options) => (await import('./commands/info.js')).info(options));

  examples(
    withNetwork(
      root.command('export').description('Write a plain or merged network for other programs: SavedModel or ONNX.'),
    )
      .addOption(
        new Option(
          '--format <name>',
          "TensorFlow's SavedModel, ONNX, tfjs's own model folder, or of a segmenter or detector a page that runs it in the browser",
        )
          .choices(['savedmodel', 'onnx', 'tfjs', 'page'])
          .makeOptionMandatory(),
      )
      .requiredOption('--output <path>', 'a new folder, or for ONNX a new file')
      .option('--batch <n>', 'images of a batch of the SavedModel; default: any number', count)
      .option('--nhwc', 'ONNX with images as [n, height, width, 3]; default: [n, 3, height, width]'),
    'export --model merged --format onnx --output merged.onnx',
    'export --model merged --format savedmodel --output merged_savedmodel',
    'export --model merged_segmenter --format page --output page',
  ).action(async (options) => (await import('./commands/export.js')).exportCommand(options));

  examples(
    withTask(withNetwork(root.command('logits').description('What a network computes from an array of images.')))
      .requiredOption('--input <file>', 'float32 images, .npy of shape [n, 3, height, width], normalised')
      .requiredOption(
        '--output <file>',
        'a .npy for the logits, [n, classes], of segmentation [n, classes, height, width], of detection [n, anchors, classes + 4] with the ' +
          'numbers of the boxes',
      )
      .option('--refconv', 'the weights hold `<convolution>.convmap.weight` too, and must'),
    'logits --backbone mobilenetv2 --weights mobilenet_v2.safetensors --input images.npy --output logits.npy',
    'logits --task segmentation --backbone mobilenetv1 --width 0.25 --classes 11 --weights lraspp.safetensors --input images.npy --output logits.npy',
  ).action(async (options) => (await import('./commands/logits.js')).logits(options));

  examples(
    withTask(
      withNetwork(
        root
          .command('losses')
          .description('Losses of the first training steps on one batch, to compare implementations.'),
      ),
    )
      .requiredOption('--input <file>', 'float32 images, .npy of shape [n, 3, height, width], normalised')
      .option(
        '--labels <list>',
        'their classes, such as 3,1,2,0; of segmentation integers [n, height, width] in a .npy, 255 is ignored',
        labels,
      )
      .option(
        '--boxes <file>',
        'of detection: JSON, for each image {"boxes": [[x1, y1, x2, y2], …], "labels": [1, …]}, in pixels of the images',
      )
      .option('--steps <n>', 'SGD steps', count, 3)
      .option('--lr <rate>', 'learning rate', positive, 0.002)
      .option('--momentum <share>', 'of SGD', share, 0.9)
      .option('--weight-decay <factor>', 'on every parameter', notNegative, 4e-5)
      .option('--refconv', 'the weights hold `<convolution>.convmap.weight` too, and must'),
    'losses --backbone resnet18 --weights resnet18.safetensors --input images.npy --labels 3,1,2,0 --steps 3 --lr 0.002',
  ).action(async (options) => (await import('./commands/losses.js')).losses(options));

  examples(
    withTask(
      withNetwork(root.command('detections').description('What a detector finds in an array of images, as JSON.')),
      { only: 'detection' },
    )
      .requiredOption('--input <file>', 'float32 images, .npy of shape [n, 3, height, width], normalised')
      .option('--refconv', 'the weights hold `<convolution>.convmap.weight` too, and must'),
    'detections --backbone mobilenetv3_large_torchvision --weights ssdlite320_mobilenet_v3_large_coco.pth --input images.npy',
  ).action(async (options) => (await import('./commands/detections.js')).detections(options));

  addMetricCommands(root);

  addDataCommands(root);

  const report = root.command('report').description('Pages about runs.');

  examples(
    report
      .command('compare')
      .description('One page about runs: curves, final table, accuracy by class, calibration and confusion.')
      .argument('<runs...>', 'folders that `refconv train --output` or an experiment wrote')
      .option('--output <dir>', 'where the page and its charts go', 'results/comparison')
      .option('--names <list>', 'what the page calls the runs, with commas between; default: their folders', texts),
    'report compare runs/baseline runs/refconv',
    'report compare runs/baseline runs/refconv --names baseline,RefConv --output comparison',
  ).action(async (runs, options) => (await import('./commands/report.js')).compare(runs, options));

  addExperimentCommands(root);
  return root;
}
