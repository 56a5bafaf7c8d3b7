/** The trained baseline that `npm start` begins with: what a run of the measurement ended with, kept in the repository. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJson } from '@refconv/files';
import { type Hash, hashOfSpec, parseSpec, type Spec } from '@refconv/runs';
import { loadModel } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';

const FOLDER = fileURLToPath(new URL('../baseline', import.meta.url));

export interface KeptBaseline {
  model: LayersModel;
  /** Its folder. */
  folder: string;
  /** Of the run that trained it: `refconv experiment rerun HASH` does it again. */
  hash: Hash;
  spec: Spec;
}

/**
 * The model, to be disposed of by the caller.
 * @throws Error where the folder is missing or damaged.
 */
export async function keptBaseline(folder = FOLDER): Promise<KeptBaseline> {
  const spec = await readJson(join(folder, 'spec.json'));
  if (spec === undefined)
    throw new Error(`There is no ${join(folder, 'spec.json')}; restore the folder: git checkout -- ${folder}`);
  const checked = parseSpec(spec);
  const place = join(folder, 'model');
  const { model } = await loadModel(place);
  return { model, folder: place, hash: hashOfSpec(checked), spec: checked };
}
