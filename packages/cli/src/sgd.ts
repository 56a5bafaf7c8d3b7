/** Steps of plain SGD on a loss, compiled. */

import { variablesOf } from '@refconv/layers';
import { applyMomentum, compile, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor4D, Variable } from '@tensorflow/tfjs';

export interface SgdOptions {
  /** Momentum's share of the last step. */
  momentum: number;
  /** On every parameter. */
  weightDecay: number;
}

/** The parts of the loss, whose sum is to fall. */
export type Losses = (outputs: Tensor | Tensor[], targets: Tensor[]) => Scalar[];

/**
 * Steps on one batch, with batch norm in training mode: `step(images, learningRate)` gives the parts of the loss before it. `dispose()`
 * frees the graph, the momentum and the targets.
 */
export function sgd(model: LayersModel, lossesOf: Losses, targets: Tensor[], { momentum, weightDecay }: SgdOptions) {
  const weights = variablesOf(model.trainableWeights);
  const accumulators = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const train = (images: Tensor4D, learningRate: Scalar, ...targets: Tensor[]): Scalar[] => {
    let parts: Scalar[] = [];
    const { grads } = tf.variableGrads(() => {
      const outputs = model.apply(images, { training: true }) as Tensor | Tensor[];
      // Kept beyond this function, whose other results end with it.
      parts = lossesOf(outputs, targets).map((loss) => tf.keep(loss));
      return tf.addN(parts);
    }, weights);
    weights.forEach((variable, i) => {
      const [accumulator, gradient] = [accumulators[i] as Variable, grads[variable.name] as Tensor];
      applyMomentum({ variable, accumulator, gradient, learningRate, momentum: tf.scalar(momentum), weightDecay });
    });
    const losses = parts.map((loss) => tf.clone(loss));
    tf.dispose(parts);
    return losses;
  };
  const program = compile({ train });
  return {
    step: (images: Tensor4D, learningRate: number) => program.train(images, learningRate, ...targets),
    dispose(): void {
      program.dispose();
      tf.dispose([...accumulators, ...targets]);
    },
  };
}
