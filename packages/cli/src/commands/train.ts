import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MethodId } from '@refconv/refconv';
import {
  fit,
  OFFICIAL_CODE_RECIPE,
  PAPER_RECIPE,
  predict,
  type Recipe,
  saveModel,
  writePredictions,
} from '@refconv/training';
import { normalisation, openData } from '../data.js';
import { type MethodFlags, reparameterized } from '../method.js';
import { openSource, type SourceOptions, sourceOptions } from '../source.js';

interface TrainOptions extends SourceOptions, MethodFlags {
  data: string;
  download?: boolean;
  mean?: number[];
  std?: number[];
  output: string;
  method?: MethodId;
  recipe: 'paper' | 'official';
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  warmUpEpochs?: number;
  momentum?: number;
  weightDecay?: number;
  spareNormsAndBiases?: boolean;
  labelSmoothing?: number;
  crop?: number;
  flip: boolean;
  seed: number;
  eager?: boolean;
  allowOtherThreads?: boolean;
}

const RECIPES = { paper: PAPER_RECIPE, official: OFFICIAL_CODE_RECIPE };

/** The named recipe with what the command line changes. */
function recipeOf(options: TrainOptions): Recipe {
  const recipe = RECIPES[options.recipe];
  const { epochs = recipe.epochs, batchSize, learningRate, momentum, weightDecay, labelSmoothing, seed } = options;
  const changes = { batchSize, learningRate, momentum, weightDecay, labelSmoothing };
  return {
    ...recipe,
    ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
    epochs,
    // A short training has a warm-up of at most a tenth, unless it is told otherwise.
    warmUpEpochs: options.warmUpEpochs ?? Math.min(recipe.warmUpEpochs, epochs / 10),
    decayNormsAndBiases: !options.spareNormsAndBiases,
    augment: { crop: options.crop ?? recipe.augment.crop, flip: options.flip },
    seed,
  };
}

export async function train(options: TrainOptions): Promise<void> {
  const { output, eager, allowOtherThreads } = options;
  const finished = join(output, 'model');
  if (existsSync(finished)) {
    throw new Error(`${output} holds a training that is finished (${finished}); choose another --output.`);
  }
  const { data, ...ofData } = await openData(options.data, options);
  const source = await openSource(sourceOptions(options), { height: data.train.height, classes: data.classes.length });
  const { mean, std } = normalisation(options, source.notes, ofData);
  const { method } = options;
  const model = method ? await reparameterized(source.model, method, options) : source.model;
  const { count, height, width } = data.train;
  console.log(`${data.name}: ${count} training and ${data.test.count} test images of ${height}×${width}`);
  const { last, best, stopped } = await fit({
    model,
    data,
    mean,
    std,
    recipe: recipeOf(options),
    folder: output,
    stopOnInterrupt: true,
    ...(eager !== undefined && { eager }),
    ...(allowOtherThreads !== undefined && { allowOtherThreads }),
  });
  if (stopped) {
    console.log(`Stopped; the same command goes on.`);
    process.exitCode = 130;
    return;
  }
  await writePredictions(output, await predict(model, data.test, { mean, std, eager }));
  await saveModel(model, finished, { ...source.notes, mean, std, classes: data.classes });
  const percent = (share = 0) => `${(100 * share).toFixed(2)} %`;
  console.log(
    `top-1 ${percent(last?.testTop1)} after the last epoch, best ${percent(best?.testTop1)} after epoch ${best?.epoch}`,
  );
  console.log(`Model folder: ${finished}`);
}
