/** Updates of optimisers besides momentum's: in a compiled function each changes its variables in place, in one pass over them. */
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { currentRecorder } from './backend.js';
import { usesCpuKernels } from './kernels/cpu.js';
import { attribute, operation } from './kernels/operation.js';
import { tf } from './load.js';
import type { Attribute } from './native.js';
import { Recorder } from './record.js';

/** Runs one operation on variables where a function is recorded, and its meaning in tfjs otherwise. */
function update(
  op: string,
  attributes: Attribute[],
  inputs: (Variable | Tensor)[],
  changed: Variable[],
  eager: () => void,
): void {
  const recorder = currentRecorder();
  if (recorder instanceof Recorder) recorder.updateInPlace(op, attributes, inputs, changed);
  else tf.tidy(eager);
}

/** What `body` computes, not before the tensor is there: TensorFlow might else do it for all variables when the step begins. */
function after<T>(tensor: Tensor, body: () => T): T {
  const recorder = currentRecorder();
  return recorder instanceof Recorder ? recorder.after(tensor, body) : body();
}

/**
 * gradient + weightDecay·variable, computed when the gradient is there.
 * @example
 * ```ts
 * const gradient = decayedGradient(tf.ones([3]), tf.variable(tf.ones([3])), 4e-5);
 * ```
 */
export function decayedGradient(gradient: Tensor, variable: Variable, weightDecay: number): Tensor {
  if (weightDecay === 0) return gradient;
  if (usesCpuKernels() && String(gradient.shape) === String(variable.shape)) {
    return operation('RefconvDecayedGradient', [gradient, variable], [attribute.float('decay', weightDecay)]);
  }
  return after(gradient, () => tf.add(gradient, tf.mul(variable, weightDecay)));
}

/**
 * variable ← variable − factor·tensor.
 * @example
 * ```ts
 * applySubtract(tf.variable(tf.ones([3])), tf.ones([3]), tf.scalar(0.1)); // the variable is 0.9 now
 * ```
 */
export function applySubtract(variable: Variable, tensor: Tensor, factor: Scalar): void {
  const attributes = [attribute.type('T', variable)];
  update('ResourceApplyGradientDescent', attributes, [variable, factor, tensor], [variable], () =>
    variable.assign(tf.sub(variable, tf.mul(tensor, factor)) as never),
  );
}

/**
 * variable ← variable − factor·variable: weight decay beside the gradient.
 * @param gradient the update waits for it.
 * @example
 * ```ts
 * applyDecay(tf.variable(tf.ones([3])), tf.zeros([3]), tf.scalar(1e-3)); // AdamW's: the variable is 0.999 now
 * ```
 */
export function applyDecay(variable: Variable, gradient: Tensor, factor: Scalar): void {
  const part = after(gradient, () => tf.mul(variable, factor));
  update('AssignSubVariableOp', [attribute.type('dtype', variable)], [variable, part], [variable], () =>
    variable.assign(tf.sub(variable, part) as never),
  );
}

/**
 * average ← average + share·(variable − average).
 * @example
 * ```ts
 * const average = tf.variable(tf.zeros([3]), false);
 * applyAverage(average, tf.variable(tf.ones([3])), tf.scalar(0.01)); // average is 0.01 now
 * ```
 */
export function applyAverage(average: Variable, variable: Variable, share: Scalar): void {
  applySubtract(average, tf.sub(average, variable), share);
}

export interface AdamUpdate {
  variable: Variable;
  /** The averages of the gradient and of its square, of the variable's shape; they start at zero. */
  firstMoment: Variable;
  secondMoment: Variable;
  gradient: Tensor;
  beta1: Scalar;
  beta2: Scalar;
  learningRate: Scalar;
  epsilon: Scalar;
}

/**
 * m ← m + (1 − β₁)(g − m); v ← v + (1 − β₂)(g² − v); variable ← variable − learningRate · m / (√v + ε), without a correction for the moments'
 * start at zero: whoever wants it scales learningRate and epsilon.
 * @example
 * ```ts
 * const variable = tf.variable(tf.ones([3]));
 * const [firstMoment, secondMoment] = [tf.variable(tf.zeros([3]), false), tf.variable(tf.zeros([3]), false)];
 * const [beta1, beta2, learningRate, epsilon] = [0.9, 0.999, 1e-3, 1e-8].map((value) => tf.scalar(value));
 * applyAdam({ variable, firstMoment, secondMoment, gradient: tf.ones([3]), beta1, beta2, learningRate, epsilon });
 * ```
 */
export function applyAdam(given: AdamUpdate): void {
  const { variable, firstMoment, secondMoment, gradient, beta1, beta2, learningRate, epsilon } = given;
  const attributes = [attribute.type('T', variable)];
  const none = tf.scalar(0); // as powers of β that correct nothing
  const inputs = [variable, firstMoment, secondMoment, none, none, learningRate, beta1, beta2, epsilon, gradient];
  update('ResourceApplyAdam', attributes, inputs, [variable, firstMoment, secondMoment], () => {
    const toward = (average: Variable, value: Tensor, beta: Scalar) => {
      average.assign(tf.add(average, tf.mul(tf.sub(1, beta), tf.sub(value, average))) as never);
    };
    toward(firstMoment, gradient, beta1);
    toward(secondMoment, tf.square(gradient), beta2);
    const direction = tf.div(firstMoment, tf.add(tf.sqrt(secondMoment), epsilon));
    variable.assign(tf.sub(variable, tf.mul(direction, learningRate)) as never);
  });
}

export interface RmsPropUpdate {
  variable: Variable;
  /** The average of the gradient's square, and the momentum buffer, of the variable's shape. */
  meanSquare: Variable;
  accumulator: Variable;
  gradient: Tensor;
  learningRate: Scalar;
  decay: Scalar;
  momentum: Scalar;
  epsilon: Scalar;
}

/**
 * TensorFlow 1's form: s ← s + (1 − decay)(g² − s); accumulator ← momentum·accumulator + learningRate · g / √(s + ε); variable ← variable − accumulator.
 * @example
 * ```ts
 * const variable = tf.variable(tf.ones([3]));
 * const [meanSquare, accumulator] = [tf.variable(tf.ones([3]), false), tf.variable(tf.zeros([3]), false)];
 * const [learningRate, decay, momentum, epsilon] = [0.01, 0.9, 0.9, 1e-3].map((value) => tf.scalar(value));
 * applyRmsProp({ variable, meanSquare, accumulator, gradient: tf.ones([3]), learningRate, decay, momentum, epsilon });
 * ```
 */
export function applyRmsProp(given: RmsPropUpdate): void {
  const { variable, meanSquare, accumulator, gradient, learningRate, decay, momentum, epsilon } = given;
  const inputs = [variable, meanSquare, accumulator, learningRate, decay, momentum, epsilon, gradient];
  const changed = [variable, meanSquare, accumulator];
  update('ResourceApplyRMSProp', [attribute.type('T', variable)], inputs, changed, () => {
    meanSquare.assign(tf.add(meanSquare, tf.mul(tf.sub(1, decay), tf.sub(tf.square(gradient), meanSquare))) as never);
    const scaled = tf.div(tf.mul(gradient, learningRate), tf.sqrt(tf.add(meanSquare, epsilon)));
    accumulator.assign(tf.add(tf.mul(accumulator, momentum), scaled) as never);
    variable.assign(tf.sub(variable, accumulator) as never);
  });
}

/**
 * √ of the sum of all elements' squares of all tensors.
 * @example
 * ```ts
 * const norm = globalNorm([tf.tensor1d([3]), tf.tensor1d([4])]); // 5
 * ```
 */
export function globalNorm(tensors: readonly Tensor[]): Scalar {
  return tf.tidy(() => {
    const halves = tensors.map((tensor) => operation('L2Loss', [tensor], [attribute.type('T', tensor)]));
    return tf.sqrt(tf.mul(tf.addN(halves), 2)) as Scalar;
  });
}

/**
 * Zeros of a variable's shape, which a compiled graph does not hold as a constant.
 * @example
 * ```ts
 * const zeros = zerosOf(tf.variable(tf.ones([3])));
 * ```
 */
export function zerosOf(variable: Variable): Tensor {
  return operation('ZerosLike', [variable], [attribute.type('T', variable)]);
}
