/** A network with its training step, ready for a worker to run. */

import type { Contestant } from '@refconv/analysis/measurement/serve';
import { applyMomentum, compile, softmaxCrossEntropy, tf, withRandomSeed } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { countParameters, randomBatch, trainableVariables, versions } from './network.js';
import { LEARNING_RATE, MOMENTUM, WEIGHT_DECAY } from './protocol.js';

/** Steps of one model on one random batch, compiled or not. */
export function contestantOf(
  model: LayersModel,
  batch: { batch: number; inputSize: number; classes: number },
  { multiplyAdds, eager = false }: { multiplyAdds: number; eager?: boolean },
): Contestant {
  const variables = trainableVariables(model);
  const accumulators = variables.map((variable) => tf.variable(tf.zeros(variable.shape), false));
  const { x, labels } = randomBatch(tf, batch);

  const trainStep = (images: Tensor4D, targets: Tensor1D, learningRate: Scalar) => {
    const loss = () => {
      // The same elements are dropped at every step.
      const seed = tf.tensor1d([0, 0], 'int32');
      const logits = withRandomSeed(seed, () => model.apply(images, { training: true })) as Tensor2D;
      return tf.mean(softmaxCrossEntropy(logits, targets)) as Scalar;
    };
    const { value, grads } = tf.variableGrads(loss, variables);
    const momentum = tf.scalar(MOMENTUM);
    variables.forEach((variable, i) => {
      const gradient = grads[variable.name];
      applyMomentum({
        variable,
        accumulator: accumulators[i],
        gradient,
        learningRate,
        momentum,
        weightDecay: WEIGHT_DECAY,
      });
    });
    return value;
  };

  // Once compiled, the function itself runs only to be recorded.
  let inside = 0;
  const timedStep: typeof trainStep = (...inputs) => {
    const start = performance.now();
    try {
      return trainStep(...inputs);
    } finally {
      inside += performance.now() - start;
    }
  };

  const program = compile({ train: eager ? trainStep : timedStep }, { eager });
  return {
    parameters: countParameters(variables),
    multiplyAdds,
    versions: versions(tf as never),
    step: () => {
      const loss = program.train(x, labels, LEARNING_RATE);
      const [value] = loss.dataSync();
      loss.dispose();
      return value as number;
    },
    ...(!eager && {
      recordingMilliseconds: () => inside,
      profile: () => program.train.profile(x, labels, LEARNING_RATE),
    }),
  };
}
