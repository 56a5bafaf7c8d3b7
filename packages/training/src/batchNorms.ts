/** What a training must know of its network's batch norms before its first step. */
import type { BatchNormVariables } from '@refconv/layers';
import type { LayersModel, layers } from '@tensorflow/tfjs';

type BatchNorm = layers.Layer & BatchNormVariables & { epsilon: number };

/** Those of nested models too, each once. */
function batchNormsOf(model: LayersModel): BatchNorm[] {
  const found = new Set<layers.Layer>();
  const visit = (layer: layers.Layer) => {
    if (layer.getClassName() === 'BatchNormalization') found.add(layer);
    for (const inner of (layer as Partial<LayersModel>).layers ?? []) visit(inner);
  };
  visit(model);
  return [...found] as BatchNorm[];
}

/**
 * The names of batch norms that in evaluation do nothing but add a bias, as merging a structural method (ACB, RepVGG, DBB) leaves them. In
 * training they normalise by the batch, and so change what the network computes.
 * @example
 * ```ts
 * const names = neutralBatchNorms(merged); // to be frozen, should the merged model be trained on
 * ```
 */
export function neutralBatchNorms(model: LayersModel): string[] {
  const all = (variable: BatchNormVariables['movingMean'], expected: number) =>
    variable
      .read()
      .dataSync()
      .every((value) => value === Math.fround(expected));
  return batchNormsOf(model)
    .filter((layer) => {
      const { gamma, beta, movingMean, movingVariance, epsilon } = layer;
      // Fresh ones have a scale of 1.
      if (!all(movingVariance, gamma ? 1 : 1 - epsilon)) return false;
      return (!beta || all(movingMean, 0)) && (!gamma || all(gamma, Math.sqrt(1 + epsilon)));
    })
    .map(({ name }) => name);
}

/**
 * @param batchSizes of the training's batches.
 * @throws Error where a batch norm would normalise one value a channel in training: whatever the image, it would give its bias.
 */
export function checkBatchNorms(model: LayersModel, batchSizes: readonly number[]): void {
  const smallest = Math.min(...batchSizes);
  if (smallest > 1) return;
  for (const { name, outputShape, trainable } of batchNormsOf(model)) {
    const places = (outputShape as (number | null)[])
      .slice(1, -1)
      .reduce<number>((product, size) => product * (size ?? 2), 1);
    if (!trainable || places * smallest > 1) continue;
    throw new Error(
      `The batch norm ${name} would have one value a channel in a batch of one image, and give its bias whatever the image. ` +
        'Take a larger batchSize, or set dropLast to true where the last batch alone is so small.',
    );
  }
}
