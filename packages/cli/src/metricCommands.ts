/** The commands `metric coco`, `voc` and `miou`, with their options, help and examples. */
import { type Command, Option } from 'commander';
import { examples } from './options.js';
import { count, index } from './values.js';

export function addMetricCommands(root: Command): void {
  const metric = root.command('metric').description('Measure detections or segmentations that are in files.');
  const withBoxes = (command: Command) =>
    command
      .requiredOption('--truth <file>', "JSON in COCO's format: images, categories, annotations")
      .requiredOption('--detections <file>', "JSON in COCO's format of results");

  examples(
    withBoxes(metric.command('coco').description("COCO's twelve numbers of boxes, and the AP of each class.")),
    'metric coco --truth truth.json --detections detections.json',
  ).action(async (options) => (await import('./commands/metric.js')).coco(options));

  examples(
    withBoxes(
      metric
        .command('voc')
        .description(
          'AP by Pascal VOC of boxes whose width counts both end pixels; annotations may be `"difficult": 1`.',
        ),
    ).addOption(
      new Option('--rule <year>', 'mean of eleven precisions, or area under the curve')
        .choices(['07', '12'])
        .default('12'),
    ),
    'metric voc --truth truth.json --detections detections.json --rule 07',
  ).action(async (options) => (await import('./commands/metric.js')).voc(options));

  examples(
    metric
      .command('miou')
      .description('Intersection over union of classes of pixels, and their mean over the whole set.')
      .requiredOption('--labels <file>', 'class numbers, .npy of integers')
      .requiredOption('--predictions <file>', 'the same of the same shape')
      .requiredOption('--classes <n>', 'number of classes', count)
      .option('--ignore <label>', 'of pixels that do not count', index, 255),
    'metric miou --labels labels.npy --predictions predictions.npy --classes 11',
  ).action(async (options) => (await import('./commands/metric.js')).miou(options));
}
