/** Where a command puts a network: a model folder, or a .safetensors file. */

import { existsSync } from 'node:fs';
import { metadataOf } from '@refconv/runs/networks';
import { type ModelNotes, saveModel } from '@refconv/training';
import { torchState, writeWeights } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';

export const isSafetensors = (path: string) => path.toLowerCase().endsWith('.safetensors');

/** @throws Error where the path exists: nothing is overwritten. */
export function requireNew(path: string): void {
  if (existsSync(path)) throw new Error(`${path} exists already; choose another name, or remove it.`);
}

/** Refuses an output that cannot be made, before work is done for it. @throws Error */
export function checkTarget(path: string): void {
  requireNew(path);
  if (!isSafetensors(path) && /\.(pth?|th|onnx|h5|pb|npy|json)$/i.test(path)) {
    throw new Error(`${path} cannot be written: the output is a model folder, or a file that ends in .safetensors.`);
  }
}

/** Writes the network and says what it wrote. */
export async function writeTarget(path: string, model: LayersModel, notes: ModelNotes): Promise<string> {
  checkTarget(path);
  if (!isSafetensors(path)) {
    await saveModel(model, path, notes);
    return `Model folder: ${path}`;
  }
  const state = torchState(model);
  await writeWeights(path, state, metadataOf(model, notes));
  return `${state.size} tensors: ${path}`;
}
