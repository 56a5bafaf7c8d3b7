/** A classifier's training step and evaluation, compiled. */
import { applyMomentum, compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';

export interface StepOptions {
  momentum: number;
  /** Added to the gradient of every parameter, times the parameter. */
  weightDecay: number;
  eager?: boolean;
}

/**
 * @param model images [n, h, w, c] to logits [n, classes].
 * @returns `train(images, labels, learningRate)`: one step of SGD, gives the mean loss before it;
 *   `correct(images, labels)`: how many are classified rightly, in evaluation mode; `dispose()`.
 */
export function classifierProgram(model: LayersModel, { momentum, weightDecay, eager = false }: StepOptions) {
  const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Variable }).val);
  const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
  const train = (images: Tensor4D, labels: Tensor1D, learningRate: Scalar) => {
    const loss = () => {
      const logits = model.apply(images, { training: true }) as Tensor2D;
      return tf.mean(softmaxCrossEntropy(logits, labels)) as Scalar;
    };
    const { value, grads } = tf.variableGrads(loss, weights);
    weights.forEach((variable, i) => {
      const gradient = tf.add(grads[variable.name] as Tensor, tf.mul(variable, weightDecay));
      applyMomentum({
        variable,
        accumulator: slots[i] as Variable,
        gradient,
        learningRate,
        momentum: tf.scalar(momentum),
      });
    });
    return value;
  };
  const correct = (images: Tensor4D, labels: Tensor1D) => {
    const logits = model.apply(images, { training: false }) as Tensor2D;
    return tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'int32'));
  };
  const program = compile({ train, correct }, { eager });
  return {
    ...program,
    /** The momentum buffers, in the order of the model's trainable weights. */
    slots,
    dispose: () => {
      program.dispose();
      tf.dispose(slots);
    },
  };
}
