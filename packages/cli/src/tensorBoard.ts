/** What TensorBoard is shown of a training. */
import { contactSheet } from '@refconv/datasets';
import { refconvLayers } from '@refconv/refconv';
import { type MetricsRow, type Recipe, TensorBoardWriter, type TrainingData, trainingEpochs } from '@refconv/training';
import { type LayersModel, norm, tidy } from '@tensorflow/tfjs';

/** The most images of a sheet. */
const SHOWN = 36;

export interface ShownTraining {
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
async function firstBatch({ data: { train, classes }, recipe }: ShownTraining): Promise<Uint8Array | undefined> {
  for await (const batch of trainingEpochs(train, recipe).epoch(0, 0))
    return contactSheet(batch, train, { classes, images: SHOWN });
  return undefined;
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
