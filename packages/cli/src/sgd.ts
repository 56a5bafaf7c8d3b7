/** Steps of plain SGD on a loss, compiled. */
import { applyMomentum, compile, tf } from '@refconv/tensorflow';
import { variablesOf } from '@refconv/training';
import type { LayersModel, Scalar, Tensor, Variable } from '@tensorflow/tfjs';

export interface SgdOptions {
  /** Momentum's share of the last step. */
  momentum: number;
  /** On every parameter. */
  weightDecay: number;
}

/** One step, with batch norm in training mode; gives the loss before it. `dispose()` frees the graph and the momentum. */
export function sgd(
  model: LayersModel,
  lossOf: (outputs: Tensor, targets: Tensor) => Scalar,
  { momentum, weightDecay }: SgdOptions,
) {
  const weights = variablesOf(model.trainableWeights);
  const accumulators = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const train = (images: Tensor, targets: Tensor, learningRate: Scalar): Scalar => {
    const loss = () => lossOf(model.apply(images, { training: true }) as Tensor, targets);
    const { value, grads } = tf.variableGrads(loss, weights);
    weights.forEach((variable, i) => {
      const [accumulator, gradient] = [accumulators[i] as Variable, grads[variable.name] as Tensor];
      applyMomentum({ variable, accumulator, gradient, learningRate, momentum: tf.scalar(momentum), weightDecay });
    });
    return value;
  };
  const program = compile({ train });
  return {
    train: program.train,
    dispose(): void {
      program.dispose();
      tf.dispose(accumulators);
    },
  };
}
