/** The networks that runs begin with. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildBackbone, loadClassifier, ownNames } from '@refconv/backbones';
import { backboneConvolutions, buildDetector } from '@refconv/detection';
import { readBytes } from '@refconv/files';
import { buildMethod, type ReparameterizeOptions, reparameterize } from '@refconv/refconv';
import { buildSegmenter, inBackbone } from '@refconv/segmentation';
import { loadModel } from '@refconv/training';
import { loadTorchState, readWeights, type TorchState, torchState } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import { isDone, MERGED, MODEL, runFolder } from './folder.js';
import { type Hash, type Spec, shortHash } from './spec.js';

/** The network with initial weights, or that which another run ended with; in either case with the method's layers. @param onLeft is told which layers it leaves. */
export async function startingModel(
  root: string,
  spec: Spec,
  {
    classes,
    shape,
    onLeft,
  }: { classes: number; shape: readonly [number, number] } & Pick<ReparameterizeOptions, 'onLeft'>,
): Promise<LayersModel> {
  const { method, seed, from, task } = spec;
  const build = task ? overBackbone : classifier;
  const plain = from
    ? await startingFrom((await loadModel(finishedModel(root, from, [MERGED, MODEL]))).model, spec, { classes, shape })
    : await build(spec, { classes, shape }, spec.weights && (await weightsOf(spec.weights)));
  if (!method) return plain;
  try {
    const { start, withoutBatchNorm } = method;
    return await reparameterize(plain, buildMethod(method.id, method.options), {
      start,
      withoutBatchNorm,
      seed,
      onLeft,
      // The heads of segmenters and detectors stay as they are, unless they are asked for.
      ...(task && !method.everywhere && { select: task.id === 'detection' ? backboneConvolutions : inBackbone }),
    });
  } finally {
    plain.dispose();
  }
}

interface Wanted {
  classes: number;
  /** Height and width of the images. */
  shape: readonly [number, number];
}

async function classifier({ network, seed }: Spec, { classes, shape }: Wanted, weights: TorchState | undefined) {
  const { id, ...options } = network;
  const model = buildBackbone(id, { ...options, classes, inputSize: shape[0], seed });
  if (weights) loadTorchState(model, weights);
  return model;
}

/** A segmenter or a detector. @param weights its own, or those of a classifier, whose body it takes. */
async function overBackbone(
  { network, task, seed }: Spec,
  { classes, shape }: Wanted,
  weights: TorchState | undefined,
) {
  // Dropout of a spec's network is that of its classifier's head.
  const { id, dropout: _, ...options } = network;
  const chosen = { ...options, backbone: id, inputSize: shape, seed };
  const model =
    task?.id === 'detection'
      ? await buildDetector({ ...chosen, classes: classes + 1 })
      : await buildSegmenter({ ...chosen, head: task?.head, outputStride: task?.outputStride, classes });
  const isOwn = weights && [...weights.keys()].some((key) => key.startsWith('backbone.'));
  if (weights && isOwn) loadTorchState(model, weights);
  else if (weights) loadClassifier(model, weights);
  return model;
}

/** The model of another run; of a classifier a segmenter or detector takes the body. */
async function startingFrom(model: LayersModel, spec: Spec, wanted: Wanted): Promise<LayersModel> {
  if (!spec.task || model.outputs[0]?.shape.length !== 2) return model;
  const state = torchState(model);
  model.dispose();
  return overBackbone(spec, wanted, state);
}

/** @throws Error where the file is not found, or is not the one that the spec means. */
async function weightsOf({ file, sha256 }: NonNullable<Spec['weights']>): Promise<TorchState> {
  const { REFCONV_DATA } = process.env;
  const paths = [file, ...(REFCONV_DATA ? [join(REFCONV_DATA, 'weights', file)] : [])];
  const path = paths.find((each) => existsSync(each));
  if (!path)
    throw new Error(`The weights ${file} were not found: set REFCONV_DATA to the folder that has them in weights/.`);
  const found = createHash('sha256')
    .update(await readBytes(path))
    .digest('hex');
  if (found !== sha256)
    throw new Error(`${path} is not the file that the spec means: its SHA-256 is ${found}, expected ${sha256}.`);
  return ownNames(await readWeights(path));
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
