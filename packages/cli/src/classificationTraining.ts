/** Classification as `refconv train` has it. */
import { annotationKind, type ImageDataset, inFiles, type OpenDataset, relabelled } from '@refconv/datasets';
import {
  classification,
  type Evaluation,
  type ModelNotes,
  openLoaders,
  PAPER_RECIPE,
  type Prediction,
  type Recipe,
  writePredictions,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { forClasses, type Prepared } from './classes.js';
import { askedSize, inputSizeOf, normalisation, testTransform } from './data.js';
import { openSource, sourceOptions } from './source.js';
import type { TaskOptions, TrainingTask } from './trainingTask.js';

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

export const classificationTraining: TrainingTask<Prediction, Evaluation> = {
  task: classification,
  recipe: PAPER_RECIPE,
  async prepare(data, options) {
    const kind = annotationKind(data.data);
    if (kind) {
      const [what, task] = kind === 'boxes' ? ['boxes', 'detection'] : ['label images', 'segmentation'];
      throw new Error(`The images of ${data.data.name} have ${what}: add --task ${task}.`);
    }
    const network = await networkFor(data, options);
    return { network, data: withLabels(data, network) };
  },
  images: imagesOf,
  write: (folder, results) => writePredictions(folder, results),
  text: ({ top1, top5 }) => `top-1 ${percent(top1)}, top-5 ${percent(top5)}`,
};

/** The network, with a head for the data's classes. */
async function networkFor({ data }: OpenDataset, options: TaskOptions): Promise<Prepared> {
  const asked = askedSize(options);
  const height = inFiles(data) ? asked : (asked ?? data.train.height);
  const { weights, model: folder, newHead = false, seed } = options;
  const from = weights ?? folder;
  // Weights have a number of classes of their own.
  const own = from === undefined ? {} : { classes: undefined };
  const source = await openSource({ ...sourceOptions(options), ...own }, { height, classes: data.classes.length });
  return forClasses(source, data, { newHead, seed, from });
}

/** The images with the labels that the network's classes have. */
function withLabels({ data, ...statistics }: OpenDataset, { classes, labels }: Prepared): OpenDataset {
  const names = { classes: [...classes] };
  return inFiles(data)
    ? {
        data: { ...data, ...names, train: relabelled(data.train, labels), test: relabelled(data.test, labels) },
        ...statistics,
      }
    : {
        data: { ...data, ...names, train: relabelled(data.train, labels), test: relabelled(data.test, labels) },
        ...statistics,
      };
}

/**
 * What is trained on: arrays in memory; or loaders, for images in files, or where a transform is given. With what `fit` and the
 * model's notes have of it.
 */
function imagesOf(
  { data, ...ofData }: OpenDataset,
  model: LayersModel,
  notes: ModelNotes,
  recipe: Recipe,
  options: TaskOptions,
) {
  const { transform, workers, skipBroken, maxPixels } = options;
  if (!inFiles(data) && transform === undefined && options.testTransform === undefined) {
    const statistics = normalisation(options, notes, ofData);
    const { height } = (data as ImageDataset).train;
    const size = `${height}×${height}`;
    return { data, size, fit: { recipe, ...statistics }, notes: statistics, close: async () => {} };
  }
  const side = inputSizeOf(model, notes, askedSize(options));
  const { mean, std } = normalisation(options, notes, ofData);
  const inMemory = `normalize(${mean.join('/')},${std.join('/')})`;
  const loaders = openLoaders(data, recipe, {
    test: inFiles(data) ? testTransform(options, notes, side) : (options.testTransform ?? inMemory),
    ...{
      train: transform ?? (inFiles(data) ? options.recipeTransform : undefined),
      workers,
      maxPixels,
      onBroken: skipBroken ? 'skip' : 'fail',
    },
  });
  const { text, ...used } = loaders.test.transform;
  return {
    ...{ data: loaders, size: `${side}×${side}`, close: loaders.close },
    fit: { recipe: { ...recipe, augment: {} } },
    notes: { mean: used.mean, std: used.std, transform: text },
  };
}
