/** The networks that runs begin with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildBackbone } from '@refconv/backbones';
import { buildMethod, type ReparameterizeOptions, reparameterize } from '@refconv/refconv';
import { loadModel } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { isDone, MERGED, MODEL, runFolder } from './folder.js';
import { type Hash, type Spec, shortHash } from './spec.js';

/** The network with initial weights, or that which another run ended with; in either case with the method's layers. @param onLeft is told which layers it leaves. */
export async function startingModel(
  root: string,
  spec: Spec,
  { classes, height, onLeft }: { classes: number; height: number } & Pick<ReparameterizeOptions, 'onLeft'>,
): Promise<LayersModel> {
  const { method, seed, from } = spec;
  const { id, ...options } = spec.network;
  let plain: LayersModel;
  if (from) {
    plain = (await loadModel(finishedModel(root, from, [MERGED, MODEL]))).model;
  } else {
    plain = buildBackbone(id, { ...options, classes, inputSize: height, seed });
  }
  if (!method) return plain;
  try {
    const { start, withoutBatchNorm } = method;
    return await reparameterize(plain, buildMethod(method.id, method.options), {
      start,
      withoutBatchNorm,
      seed,
      onLeft,
    });
  } finally {
    plain.dispose();
  }
}

/**
 * The folder of a finished run's model.
 * @param names which model, the first that there is.
 * @throws Error where the run is not finished.
 */
export function finishedModel(root: string, from: Hash, names: readonly string[]): string {
  const folder = names.map((name) => join(runFolder(root, from), name)).find((path) => existsSync(path));
  if (isDone(root, from) && folder) return folder;
  throw new Error(`The run that this one starts from, ${shortHash(from)}, is not finished: do it first.`);
}
