/**
 * Gradients of activations as the single operations that TensorFlow has for them, and as formulas where a second derivative is
 * taken. tfjs's own do not serve for that: it takes a saved output for a constant (Sigmoid, Tanh, Elu) and has no gradient for
 * the comparison in others.
 */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { attribute, operation, replaceGradient } from './operation.js';

type GradientConfig = Parameters<typeof replaceGradient>[0];
type Attributes = Parameters<GradientConfig['gradFunc']>[2];

/** One slope where x > 0, another elsewhere. */
function bent(x: Tensor, positive: number, other: Tensor | number): Tensor {
  const side = tf.step(x);
  return tf.add(tf.mul(side, positive), tf.mul(tf.sub(1, side), other));
}

const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;
const exponential = (x: Tensor) => tf.exp(tf.minimum(x, 0));

interface Activation {
  kernelName: string;
  op: string;
  /** What the operation takes beside dy, and in which order. */
  saves: 'input' | 'output';
  order: 'dy first' | 'dy last';
  slope(x: Tensor): Tensor;
}

const ACTIVATIONS: Activation[] = [
  { kernelName: 'Relu', op: 'ReluGrad', saves: 'output', order: 'dy first', slope: (x) => tf.step(x) },
  {
    kernelName: 'Relu6',
    op: 'Relu6Grad',
    saves: 'output',
    order: 'dy first',
    slope: (x) => tf.mul(tf.step(x), tf.step(tf.sub(6, x))),
  },
  {
    kernelName: 'Selu',
    op: 'SeluGrad',
    saves: 'output',
    order: 'dy first',
    slope: (x) => bent(x, SELU_SCALE, tf.mul(SELU_SCALEALPHA, exponential(x))),
  },
  { kernelName: 'Elu', op: 'EluGrad', saves: 'output', order: 'dy first', slope: (x) => bent(x, 1, exponential(x)) },
  { kernelName: 'Softplus', op: 'SoftplusGrad', saves: 'input', order: 'dy first', slope: (x) => tf.sigmoid(x) },
  {
    kernelName: 'Sigmoid',
    op: 'SigmoidGrad',
    saves: 'output',
    order: 'dy last',
    slope: (x) => tf.mul(tf.sigmoid(x), tf.sigmoid(tf.neg(x))),
  },
  {
    kernelName: 'Tanh',
    op: 'TanhGrad',
    saves: 'output',
    order: 'dy last',
    slope: (x) => tf.sub(1, tf.square(tf.tanh(x))),
  },
  { kernelName: 'Sqrt', op: 'SqrtGrad', saves: 'output', order: 'dy last', slope: (x) => tf.mul(0.5, tf.rsqrt(x)) },
  {
    kernelName: 'Rsqrt',
    op: 'RsqrtGrad',
    saves: 'output',
    order: 'dy last',
    slope: (x) => tf.div(tf.mul(-0.5, tf.rsqrt(x)), x),
  },
];

/** The gradient as a formula. */
function composed(kernelName: string, slope: (x: Tensor, attrs: Attributes) => Tensor): GradientConfig {
  return {
    kernelName,
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => ({ x: () => tf.mul(dy as Tensor, slope(saved[0] as Tensor, attrs)) }),
  };
}

export function registerActivations(): void {
  for (const { kernelName, op, saves, order, slope } of ACTIVATIONS) {
    const fused: GradientConfig = {
      kernelName,
      ...(saves === 'input' ? { inputsToSave: ['x'] } : { outputsToSave: [true] }),
      gradFunc: (dy, saved) => {
        const kept = saved[0] as Tensor;
        const gradient = dy as Tensor;
        const inputs = order === 'dy first' ? [gradient, kept] : [kept, gradient];
        return { x: () => operation(op, inputs, [attribute.type('T', kept)]) };
      },
    };
    replaceGradient(fused, composed(kernelName, slope));
  }
  const leaky: GradientConfig = {
    kernelName: 'LeakyRelu',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => {
      const x = saved[0] as Tensor;
      const alpha = attribute.float('alpha', attrs.alpha as number);
      return { x: () => operation('LeakyReluGrad', [dy as Tensor, x], [attribute.type('T', x), alpha]) };
    },
  };
  replaceGradient(
    leaky,
    composed('LeakyRelu', (x, attrs) => bent(x, 1, attrs.alpha as number)),
  );
}
