/** Batches as tensors, and a model's state as arrays by name. */
import type { ImageBatch, Mix } from '@refconv/datasets';
import { variablesOf } from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import type { StoredTensor } from './storedTensor.js';

/** The images of a batch. @param shape `[height, width, channels]` of an image. */
export const imageTensor = ({ images, size }: ImageBatch, shape: readonly [number, number, number]): Tensor4D =>
  tf.tensor4d(images, [size, ...shape]);

/** The labels of a batch, int32 [n]; those of a mixed one as probabilities, float32 [n, classes]. */
export function labelTensor({ labels, size, mix }: ImageBatch, classes: number): Tensor1D | Tensor2D {
  return mix ? tf.tensor2d(mixedTargets(labels, mix, classes), [size, classes]) : tf.tensor1d(labels, 'int32');
}

/** `[size, classes]`: each image's own label with the share `weight`, that of the image mixed in with the rest. */
function mixedTargets(labels: Int32Array, { weight, labels: others }: Mix, classes: number): Float32Array {
  const targets = new Float32Array(labels.length * classes);
  labels.forEach((own, i) => {
    targets[i * classes + own] = weight;
    // Not assigned: the two labels may be the same.
    targets[i * classes + (others[i] as number)] += 1 - weight;
  });
  return targets;
}

/** The seed of a step's dropout: [the run's seed, folded to 31 bits, the step]; another one for each worker, so that not all drop alike. */
export function stepSeed(seed: number, step: number, worker = 0) {
  const own = Math.imul(worker, 0x9e3779b1);
  return tf.tensor1d([(seed % 2 ** 31) ^ Math.floor(seed / 2 ** 31) ^ own, step], 'int32');
}

/** A model's variables with their names; where two weights have the same one, the second has `#2` added. */
export function weightNames(model: LayersModel): Map<Variable, string> {
  const names = new Map<Variable, string>();
  const taken = new Set<string>();
  const variables = variablesOf(model.weights);
  model.weights.forEach(({ originalName }, i) => {
    let name = originalName;
    for (let n = 2; taken.has(name); n++) name = `${originalName}#${n}`;
    taken.add(name);
    names.set(variables[i] as Variable, name);
  });
  return names;
}

/**
 * Every variable that training changes, by name: the model's weights (trainable or not) under their own names, and what the optimiser
 * keeps under its names, such as `momentum/` and the weight's name.
 */
export function namedState(model: LayersModel, optimiser: ReadonlyMap<string, Variable>): Map<string, Variable> {
  const weights = Array.from(weightNames(model), ([variable, name]) => [name, variable] as const);
  return new Map([...weights, ...optimiser]);
}

/** The values of variables, as a checkpoint stores them. */
export function readState(state: ReadonlyMap<string, Variable>): StoredTensor[] {
  return Array.from(state, ([name, variable]) => {
    if (variable.dtype !== 'float32' && variable.dtype !== 'int32') {
      throw new Error(`A checkpoint cannot hold ${name}: it is ${variable.dtype}, expected float32 or int32.`);
    }
    return { name, dtype: variable.dtype, shape: variable.shape, data: variable.dataSync<typeof variable.dtype>() };
  });
}

/** The name of the first tensor that has a value which is NaN or infinite, if there is one. */
export function notFinite(tensors: readonly StoredTensor[]): string | undefined {
  return tensors.find(({ data }) => !data.every(Number.isFinite))?.name;
}

/**
 * Gives variables the values of a checkpoint.
 * @param path the file that they are of, for errors.
 * @throws before anything is changed, if names or shapes differ; lists them.
 */
export function writeState(state: ReadonlyMap<string, Variable>, tensors: readonly StoredTensor[], path = ''): void {
  const stored = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const problems: string[] = [];
  for (const [name, { shape, dtype }] of state) {
    const found = stored.get(name);
    if (!found) problems.push(`${name} is missing`);
    else if (`${found.dtype}[${found.shape}]` !== `${dtype}[${shape}]`) {
      problems.push(`${name} is ${found.dtype} [${found.shape}], the model's is ${dtype} [${shape}]`);
    }
  }
  for (const name of stored.keys()) if (!state.has(name)) problems.push(`${name} is not in the model`);
  if (problems.length > 0) {
    const listed = problems.slice(0, 8).join('; ');
    const more = problems.length > 8 ? `; and ${problems.length - 8} more` : '';
    throw new Error(`The checkpoint${path && ` ${path}`} is of another model: ${listed}${more}.`);
  }
  tf.tidy(() => {
    for (const [name, variable] of state) {
      const { data, shape, dtype } = stored.get(name) as StoredTensor;
      variable.assign(tf.tensor(data, [...shape], dtype) as never);
    }
  });
}
