/** What TensorBoard is shown of a training. */
import { refconvLayers } from '@refconv/refconv';
import { type MetricsRow, type Recipe, TensorBoardWriter } from '@refconv/training';
import { type LayersModel, norm, tidy } from '@tensorflow/tfjs';

/** `trainLoss` and its kin as groups of TensorBoard: `loss/train`, `top1/test`. */
function tagOf(name: string): string {
  const [, split, measure = ''] = /^(train|validationAveraged|testAveraged|validation|test)([A-Z].*)$/.exec(name) ?? [];
  return split === undefined ? name : `${measure[0]?.toLowerCase()}${measure.slice(1)}/${split}`;
}

/** Writes an event file as the training goes on: to be called after each epoch. */
export function tensorBoardOf(folder: string, model: LayersModel, recipe: Recipe): (row: MetricsRow) => Promise<void> {
  const writer = new TensorBoardWriter(folder);
  let told = false;
  return async (row) => {
    if (!told) await writer.text(0, 'recipe', `\`\`\`json\n${JSON.stringify(recipe, undefined, 2)}\n\`\`\``);
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
