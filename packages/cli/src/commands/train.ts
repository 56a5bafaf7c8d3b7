import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { holdOut, inFiles, type OpenDataset, openDataset, relabelled } from '@refconv/datasets';
import { requireWritable } from '@refconv/files';
import type { LeftLayer, MethodId } from '@refconv/refconv';
import {
  evaluationOf,
  type FitResult,
  fit,
  LEFT_OUT_FILE,
  type LeftOut,
  leavesOut,
  leftOutText,
  loadModel,
  lockTraining,
  type ModelNotes,
  type Normalisation,
  openLoaders,
  type Prediction,
  predict,
  requireFinite,
  saveAverages,
  saveModel,
  writeAtomically,
  writePredictions,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { forClasses, type Prepared } from '../classes.js';
import { askedSize, inputSizeOf, normalisation, openOptions, testTransform } from '../data.js';
import { type MethodFlags, reparameterized } from '../method.js';
import { type RecipeFlags, recipeOf } from '../recipe.js';
import { openSource, type SourceOptions, sourceOptions } from '../source.js';

interface TrainOptions extends SourceOptions, MethodFlags, RecipeFlags {
  data: string;
  validation?: number;
  download?: boolean;
  mean?: number[];
  std?: number[];
  transform?: string;
  testTransform?: string;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  newHead?: boolean;
  output: string;
  method?: MethodId;
  teacher?: string;
  seed: number;
  eager?: boolean;
  allowOtherStart?: boolean;
  allowOtherThreads?: boolean;
}

/** So many of the training images are held out, to choose by. */
function heldOut({ data, ...statistics }: OpenDataset, validation: number | undefined): OpenDataset {
  if (validation === undefined) return { data, ...statistics };
  return inFiles(data)
    ? { data: { ...data, ...holdOut(data.train, validation) }, ...statistics }
    : { data: { ...data, ...holdOut(data.train, validation) }, ...statistics };
}

/**
 * What is trained on: arrays in memory; or loaders, for images in files, or where a transform is given. With what `fit` and the
 * model's notes have of it.
 */
async function imagesOf(
  { data, ...ofData }: OpenDataset,
  model: LayersModel,
  notes: ModelNotes,
  options: TrainOptions,
) {
  const { recipe, transform: ofRecipe } = await recipeOf(options);
  const { workers, skipBroken, maxPixels } = options;
  const transform = options.transform ?? (inFiles(data) ? ofRecipe : undefined);
  if (!inFiles(data) && transform === undefined && options.testTransform === undefined) {
    const statistics = normalisation(options, notes, ofData);
    const size = data.train.height;
    return { data, size, fit: { recipe, ...statistics }, notes: statistics, close: async () => {} };
  }
  const size = inputSizeOf(model, notes, askedSize(options));
  const { mean, std } = normalisation(options, notes, ofData);
  const inMemory = `normalize(${mean.join('/')},${std.join('/')})`;
  const loaders = openLoaders(data, recipe, {
    test: inFiles(data) ? testTransform(options, notes, size) : (options.testTransform ?? inMemory),
    ...{ train: transform, workers, maxPixels, onBroken: skipBroken ? 'skip' : 'fail' },
  });
  const { text, ...used } = loaders.test.transform;
  return {
    ...{ data: loaders, size, close: loaders.close },
    // The transform takes its place.
    fit: { recipe: { ...recipe, augment: {} } },
    notes: { mean: used.mean, std: used.std, transform: text },
  };
}

/** The network, with a head for the data's classes. */
async function networkFor({ data }: OpenDataset, options: TrainOptions): Promise<Prepared> {
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
  const [names, same] = [{ classes: [...classes] }, labels];
  return inFiles(data)
    ? {
        data: { ...data, ...names, train: relabelled(data.train, same), test: relabelled(data.test, same) },
        ...statistics,
      }
    : {
        data: { ...data, ...names, train: relabelled(data.train, same), test: relabelled(data.test, same) },
        ...statistics,
      };
}

export async function train(options: TrainOptions): Promise<void> {
  const { output } = options;
  const finished = join(output, 'model');
  if (existsSync(finished)) {
    throw new Error(`${output} holds a training that is finished (${finished}); choose another --output.`);
  }
  await requireWritable(output);
  const lock = await lockTraining(output);
  try {
    await trainInto(finished, options);
  } finally {
    await lock.release();
  }
}

/** @param finished the folder of the trained model. */
async function trainInto(finished: string, options: TrainOptions): Promise<void> {
  const { output, eager, allowOtherThreads } = options;
  const whole = await openDataset(options.data, openOptions(options));
  const source = await networkFor(whole, options);
  const { classes } = source;
  const opened = heldOut(withLabels(whole, source), options.validation);
  const { method } = options;
  const layers: LeftOut['layers'] = [];
  const onLeft = (left: readonly LeftLayer[]) => {
    layers.push(...left);
    console.log(leftOutText({ layers }).join('\n'));
  };
  const model = method ? await reparameterized(source.model, method, options, onLeft) : source.model;
  const images = await imagesOf(opened, model, source.notes, options);
  const { train: trainImages, validation, test, name } = images.data;
  const countOf = (split: typeof test) => ('count' in split ? split.count : split.source.count);
  const held = validation ? `, ${countOf(validation)} validation` : '';
  console.log(
    `${name}: ${countOf(trainImages)} training${held} and ${countOf(test)} test images of ${images.size}×${images.size}`,
  );
  const { mean, std } = images.fit as Normalisation;
  const teacher = options.teacher === undefined ? undefined : (await loadModel(options.teacher)).model;
  const choice = { ...(eager !== undefined && { eager }) };
  let fitted: FitResult;
  let predictions: Prediction[] = [];
  try {
    fitted = await fit({
      model,
      ...images.fit,
      ...(teacher && { teacher }),
      data: images.data,
      ...{ folder: output, folderLocked: true },
      stopOnInterrupt: true,
      ...choice,
      ...(options.allowOtherStart !== undefined && { allowOtherStart: options.allowOtherStart }),
      ...(allowOtherThreads !== undefined && { allowOtherThreads }),
    });
    if (!fitted.stopped) {
      predictions = fitted.predictions ?? (await predict(model, test, { mean, std, ...choice }));
      await writePredictions(output, predictions);
      const leftOut: LeftOut = { ...fitted.leftOut, layers };
      if (leavesOut(leftOut))
        await writeAtomically(join(output, LEFT_OUT_FILE), [`${JSON.stringify(leftOut, undefined, 2)}\n`]);
    }
  } finally {
    teacher?.dispose();
    await images.close();
  }
  if (fitted.stopped) {
    console.log(`Stopped; the same command goes on.`);
    process.exitCode = 130;
    return;
  }
  const kept = { ...source.notes, ...images.notes, classes };
  // The model comes last: it tells that the training is finished.
  if (fitted.averaged) await saveAverages(model, fitted.averaged, join(output, 'averaged'), kept);
  await saveModel(model, finished, kept);
  console.log(`Model folder: ${finished}`);
  const { top1, top5 } = requireFinite(evaluationOf(predictions));
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  console.log(`Test images after the last epoch: top-1 ${percent(top1)}, top-5 ${percent(top5)}`);
  const { best, last } = fitted;
  if (last?.testAveragedTop1 !== undefined)
    console.log(
      `Averages of the weights: top-1 ${percent(last.testAveragedTop1)}; model folder: ${join(output, 'averaged')}`,
    );
  if (best) {
    const warning = best.chosenOn === 'test' ? ' (chosen on test images, so no result: see --validation)' : '';
    console.log(`Best epoch by ${best.chosenOn} images: ${best.epoch}, top-1 ${percent(best.top1)}${warning}`);
  }
}
