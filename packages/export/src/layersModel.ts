/** tf.LayersModels as folders of tfjs. */
import '@refconv/tensorflow'; // saves to file://
import type { LayersModel } from '@tensorflow/tfjs';
import { type OverwriteOption, writeWhole } from './files.js';

/**
 * Writes a model as the folder that `tf.loadLayersModel` reads, in Node and in a browser: `model.json`, which is what to name to
 * it, and `weights.bin`. The folder appears whole or not at all.
 * @throws Error if the folder is there and not empty, unless `overwrite` is set; and if it cannot be written.
 */
export async function exportLayersModel(
  model: LayersModel,
  folder: string,
  options: OverwriteOption = {},
): Promise<void> {
  await writeWhole(folder, options, async (unfinished) => {
    await model.save(`file://${unfinished}`);
  });
}
