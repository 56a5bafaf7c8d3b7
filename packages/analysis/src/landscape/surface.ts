/** The loss of a network along two directions, compiled: a point costs an evaluation. */

import { batches, type ImageSplit } from '@refconv/datasets';
import { logitsOf, variablesOf } from '@refconv/layers';
import { compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Direction } from './directions.js';

export interface LossPoint {
  /** Mean cross entropy over the images. */
  loss: number;
  /** Share of the images whose highest logit is the label's: 0 to 1. */
  top1: number;
}

export interface SurfaceOptions {
  /** As in training. */
  mean: readonly number[];
  std: readonly number[];
  /** Images a call. Default: 250. */
  batchSize?: number;
  /** Operation by operation, for debugging. Default: the environment variable REFCONV_EAGER is 1. */
  eager?: boolean;
}

export interface LossSurface {
  /** The loss with the weights w + a·x + b·y, in evaluation mode; batch norms keep their statistics. */
  at(a: number, b: number): Promise<LossPoint>;
  /** Gives the model its weights back and frees everything but the directions. */
  dispose(): void;
}

/**
 * A model's loss surface over the images of a split, all of them. Weights and directions lie in the graph, so that to move is one small
 * computation there, and the images are made tensors once (12 kB an image of 32×32).
 * Until it is disposed, the model's weights are wherever the last point was.
 * @throws RangeError where the directions are of another model, or the split is empty.
 * @example
 * ```ts
 * const surface = lossSurface(model, [randomDirection(model, 1, 'x'), randomDirection(model, 1, 'y')], data.test, { mean, std });
 * const { loss } = await surface.at(0, 0); // of the model as it is
 * surface.dispose();
 * ```
 */
export function lossSurface(
  model: LayersModel,
  [x, y]: readonly [Direction, Direction],
  split: ImageSplit,
  { mean, std, batchSize = 250, eager }: SurfaceOptions,
): LossSurface {
  if (split.count < 1) throw new RangeError('A loss surface needs at least one image; the split has none.');
  const own = new Set(variablesOf(model.trainableWeights));
  const foreign = [x, y].flatMap(({ kernels }) => kernels).find(({ variable }) => !own.has(variable));
  if (foreign || x.kernels.length !== y.kernels.length) {
    throw new RangeError(
      `The directions are of another model than ${model.name}. Draw them for it: randomDirection(model, seed, axis).`,
    );
  }
  const kept = (tensor: Tensor) => tf.variable(tensor, false);
  const moved = x.kernels.map(({ variable, direction }, i) => ({
    variable,
    start: kept(variable),
    x: kept(direction),
    y: kept(y.kernels[i]?.direction as Tensor),
  }));
  const images = [...batches(split, { batchSize: Math.min(batchSize, split.count), mean, std })].map((batch) => ({
    images: tf.tensor4d(batch.images, [batch.size, split.height, split.width, split.channels]),
    labels: tf.tensor1d(batch.labels, 'int32'),
  }));

  const program = compile(
    {
      move(a: Scalar, b: Scalar): void {
        for (const { variable, start, x, y } of moved) {
          variable.assign(tf.add(start, tf.add(tf.mul(x, a), tf.mul(y, b))));
        }
      },
      evaluate(images: Tensor4D, labels: Tensor1D) {
        const logits = logitsOf(model, images);
        // argMax names some class where all logits are NaN, as they may be far from the minimum.
        const right = tf.logicalAnd(tf.equal(tf.argMax(logits, 1), labels), tf.all(tf.isFinite(logits), 1));
        return tf.stack([tf.sum(softmaxCrossEntropy(logits, labels)), tf.sum(tf.cast(right, 'float32'))]) as Tensor1D;
      },
    },
    { eager },
  );

  return {
    async at(a, b) {
      await program.move.async(a, b);
      let [loss, correct] = [0, 0];
      for (const { images: pictures, labels } of images) {
        const sums = await program.evaluate.async(pictures, labels);
        const [batchLoss, batchCorrect] = sums.dataSync() as unknown as [number, number];
        sums.dispose();
        loss += batchLoss;
        correct += batchCorrect;
      }
      return { loss: loss / split.count, top1: correct / split.count };
    },
    dispose() {
      program.dispose();
      for (const { variable, start, x, y } of moved) {
        variable.assign(start);
        tf.dispose([start, x, y]);
      }
      tf.dispose(images);
    },
  };
}
