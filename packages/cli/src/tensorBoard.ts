/** What TensorBoard is shown of a training. */
import { batches, contactSheet, type ImageSplit, Loader, parseTransform } from '@refconv/datasets';
import { refconvLayers } from '@refconv/refconv';
import {
  type MetricsRow,
  type Normalisation,
  type Recipe,
  TensorBoardWriter,
  type TrainingData,
} from '@refconv/training';
import { type LayersModel, norm, tidy } from '@tensorflow/tfjs';

/** The most images of a sheet. */
const SHOWN = 36;

export interface ShownTraining extends Normalisation {
  model: LayersModel;
  recipe: Recipe;
  data: Pick<TrainingData, 'train' | 'classes'>;
}

/** `trainLoss` and its kin as groups of TensorBoard: `loss/train`, `top1/test`. */
function tagOf(name: string): string {
  const [, split, measure = ''] = /^(train|validationAveraged|testAveraged|validation|test)([A-Z].*)$/.exec(name) ?? [];
  return split === undefined ? name : `${measure[0]?.toLowerCase()}${measure.slice(1)}/${split}`;
}

/** A contact sheet of the first batch of the first epoch, augmented as the network gets it; undefined where none of its images can be read. */
async function firstBatch({ data, recipe, mean, std }: ShownTraining): Promise<Uint8Array | undefined> {
  const { train, classes } = data;
  return train instanceof Loader ? sheetOf(train) : sheetInMemory(train, classes, recipe, { mean, std });
}

async function sheetInMemory(
  split: ImageSplit,
  classes: readonly string[],
  { batchSize, seed, augment }: Recipe,
  { mean = [0, 0, 0], std = [1, 1, 1] }: Normalisation,
): Promise<Uint8Array | undefined> {
  const [batch] = batches(split, { ...{ batchSize, mean, std, seed, augment }, epoch: 0, shuffle: true });
  if (!batch) return undefined;
  const transform = parseTransform(`normalize(${mean.join('/')},${std.join('/')})`);
  const imageShape = [split.height, split.width, 3] as const;
  const loaded = { ...batch, indices: new Int32Array(batch.size), number: 0 };
  return contactSheet(loaded, { transform, imageShape, classes, images: SHOWN });
}

/** By a loader of its own: that of the training has its own epochs. */
async function sheetOf({ source, options }: Loader): Promise<Uint8Array | undefined> {
  const loader = new Loader(source, { ...options, workers: 1, prefetch: 1 });
  try {
    const { transform, imageShape } = loader;
    for await (const batch of loader.epoch(0))
      return await contactSheet(batch, { transform, imageShape, classes: source.classes, images: SHOWN });
    return undefined;
  } finally {
    await loader.close();
  }
}

/**
 * Writes an event file as the training goes on: to be called after each epoch. The recipe and the contact sheet come with the first row, so
 * that a training that is refused leaves nothing.
 */
export async function tensorBoardOf(
  folder: string,
  training: ShownTraining,
): Promise<(row: MetricsRow) => Promise<void>> {
  const { model, recipe } = training;
  const writer = new TensorBoardWriter(folder);
  const sheet = await firstBatch(training);
  let told = false;
  return async (row) => {
    if (!told) {
      await writer.text(0, 'recipe', `\`\`\`json\n${JSON.stringify(recipe, undefined, 2)}\n\`\`\``);
      if (sheet) await writer.image(0, 'first batch/train', sheet);
    }
    told = true;
    const { step, ...numbers } = row;
    const scalars = Object.entries(numbers).flatMap(([name, value]) =>
      value === undefined ? [] : [[tagOf(name), value] as const],
    );
    const norms = refconvLayers(model).map(
      (layer) => [`norm of W_r/${layer.name}`, tidy(() => norm(layer.convmap.read()).dataSync()[0] as number)] as const,
    );
    await writer.scalars(step, Object.fromEntries([...scalars, ...norms]));
  };
}
