/** A network in training's own steps, ready for a worker to run. */

import { trainingCost } from '@refconv/analysis';
import type { Contestant } from '@refconv/analysis/measurement/serve';
import { tf } from '@refconv/tensorflow';
import { classifier, PAPER_RECIPE, type Recipe } from '@refconv/training';
import type { LayersModel, Scalar } from '@tensorflow/tfjs';
import { randomBatch, versions } from './network.js';
import { LEARNING_RATE, MOMENTUM, WEIGHT_DECAY } from './protocol.js';

/** Steps of a model on one random batch of classification, compiled or not. @param recipe what is another than the benchmark's. */
export function contestantOf(
  model: LayersModel,
  batch: { batch: number; inputSize: number; classes: number },
  { recipe, eager = false }: { recipe?: Partial<Recipe>; eager?: boolean } = {},
): Contestant {
  const options = { ...PAPER_RECIPE, momentum: MOMENTUM, weightDecay: WEIGHT_DECAY, ...recipe };
  const { train } = classifier(model, options, { eager });
  const { x, labels } = randomBatch(tf, batch);
  // The same elements are dropped at every step.
  const seed = tf.tensor1d([1, 2], 'int32');
  return {
    ...stepping(model, batch.batch, () => train(x, labels, LEARNING_RATE, seed)),
    ...(!eager && { profile: () => train.profile(x, labels, LEARNING_RATE, seed) }),
  };
}

/** A model whose steps give a loss. */
export function stepping(model: LayersModel, batch: number, train: () => Scalar): Contestant {
  const { trainable, macs } = trainingCost(model);
  return {
    parameters: trainable,
    // What a method computes once a step is shared out over the batch.
    multiplyAdds: macs.image + macs.step / batch,
    versions: versions(tf as never),
    step: () => {
      const loss = train();
      const [value] = loss.dataSync();
      loss.dispose();
      return value as number;
    },
  };
}
