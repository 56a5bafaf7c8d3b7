/** Updates of variables in place, for optimisers. */
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { currentRecorder } from './backend.js';
import { attribute } from './kernels/operation.js';
import { tf } from './load.js';
import { Recorder } from './record.js';

export interface MomentumUpdate {
  variable: Variable;
  /** The momentum buffer, of the variable's shape; starts at zero. */
  accumulator: Variable;
  gradient: Tensor;
  learningRate: Scalar;
  momentum: Scalar;
  /** Nesterov's form. Default: false. */
  nesterov?: boolean;
}

/**
 * accumulator ← momentum·accumulator + gradient; variable ← variable − learningRate·accumulator (PyTorch's SGD).
 * In a compiled function both change in place, by one operation (ResourceApplyMomentum), which also keeps runs bit-equal.
 */
export function applyMomentum({
  variable,
  accumulator,
  gradient,
  learningRate,
  momentum,
  nesterov = false,
}: MomentumUpdate): void {
  const recorder = currentRecorder();
  if (recorder instanceof Recorder) {
    const attributes = [attribute.type('T', variable), attribute.bool('use_nesterov', nesterov)];
    const inputs = [variable, accumulator, learningRate, gradient, momentum];
    recorder.updateInPlace('ResourceApplyMomentum', attributes, inputs, [variable, accumulator]);
    return;
  }
  tf.tidy(() => {
    const next = tf.add(tf.mul(accumulator, momentum), gradient);
    const direction = nesterov ? tf.add(tf.mul(next, momentum), gradient) : next;
    accumulator.assign(next as never);
    variable.assign(tf.sub(variable, tf.mul(direction, learningRate)) as never);
  });
}
