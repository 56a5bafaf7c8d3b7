/** Updates of variables in place, for optimisers. */
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { currentRecorder } from './backend.js';
import { attribute } from './kernels/operation.js';
import { tf } from './load.js';
import { Recorder } from './record.js';
import { decayedGradient } from './updates.js';

export interface MomentumUpdate {
  variable: Variable;
  /** The momentum buffer, of the variable's shape; starts at zero. */
  accumulator: Variable;
  gradient: Tensor;
  learningRate: Scalar;
  momentum: Scalar;
  /** Times the variable, it is added to the gradient. Default: 0. */
  weightDecay?: number;
  /** Nesterov's form. Default: false. */
  nesterov?: boolean;
}

/**
 * gradient ← gradient + weightDecay·variable; accumulator ← momentum·accumulator + gradient; variable ← variable − learningRate·accumulator (PyTorch's SGD).
 * In a compiled function both change in place, by one operation (ResourceApplyMomentum), which also keeps runs bit-equal; the decay is
 * computed when the gradient is there and not, as TensorFlow otherwise might, for all variables when the step begins.
 * @example
 * ```ts
 * const variable = tf.variable(tf.ones([3]));
 * const accumulator = tf.variable(tf.zeros([3]), false);
 * applyMomentum({ variable, accumulator, gradient: tf.ones([3]), learningRate: tf.scalar(0.1), momentum: tf.scalar(0.9) });
 * ```
 */
export function applyMomentum({
  variable,
  accumulator,
  gradient,
  learningRate,
  momentum,
  weightDecay = 0,
  nesterov = false,
}: MomentumUpdate): void {
  const recorder = currentRecorder();
  if (recorder instanceof Recorder) {
    const attributes = [attribute.type('T', variable), attribute.bool('use_nesterov', nesterov)];
    const inputs = [variable, accumulator, learningRate, decayedGradient(gradient, variable, weightDecay), momentum];
    recorder.updateInPlace('ResourceApplyMomentum', attributes, inputs, [variable, accumulator]);
    return;
  }
  tf.tidy(() => {
    const slope = decayedGradient(gradient, variable, weightDecay);
    const next = tf.add(tf.mul(accumulator, momentum), slope);
    const direction = nesterov ? tf.add(tf.mul(next, momentum), slope) : next;
    accumulator.assign(next as never);
    variable.assign(tf.sub(variable, tf.mul(direction, learningRate)) as never);
  });
}
