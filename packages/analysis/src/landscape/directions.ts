/** Filter-normalised random directions (Li et al., NeurIPS 2018, section 4; tomgoldstein/loss-landscape, net_plotter.py). */
import { type Random, stream } from '@refconv/datasets';
import { reparameterizedLayers } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs';

/** A direction: for each kernel of a model how it moves; what has one axis (biases, batch norms) does not move. */
export interface Direction {
  /** The kernel's name and variable, and the direction of the same shape. */
  kernels: { name: string; variable: Variable; direction: Tensor }[];
}

/**
 * A direction of standard normal numbers, each filter scaled to the norm of the model's filter. The numbers depend on seed, axis, and
 * the kernels' names and shapes alone: two networks of one architecture, a baseline and a merged one, get the same numbers, each scaled to its
 * own filters. The tensors are the caller's; {@link disposeDirection} frees them.
 * @throws Error where the model has RefConv or other re-parameterised layers: their weights are another space, in which pictures cannot be compared.
 * @example
 * ```ts
 * const directions = [randomDirection(model, 1, 'x'), randomDirection(model, 1, 'y')] as const;
 * ```
 */
export function randomDirection(model: LayersModel, seed: number, axis: 'x' | 'y'): Direction {
  const unmerged = reparameterizedLayers(model);
  if (unmerged.length > 0) {
    throw new Error(
      `The loss landscape of ${model.name} cannot be compared with a plain network's: ${unmerged.length} of its layers, ` +
        `${unmerged[0]?.name} first, are re-parameterised. Give merge(model).`,
    );
  }
  const kernels = model.trainableWeights.flatMap((weight) => {
    const { val: variable } = weight as unknown as { val: Variable };
    if (variable.rank < 2) return [];
    const name = weight.originalName;
    const direction = tf.tidy(() => {
      const drawn = tf.tensor(normals(stream(seed, 'landscape', axis, name), variable.size), variable.shape);
      return filterNormalized(drawn, variable, name);
    });
    return [{ name, variable, direction }];
  });
  return { kernels };
}

/**
 * Frees a direction's tensors.
 * @example
 * ```ts
 * const direction = randomDirection(model, 1, 'x');
 * disposeDirection(direction);
 * ```
 */
export function disposeDirection({ kernels }: Direction): void {
  tf.dispose(kernels.map(({ direction }) => direction));
}

/**
 * d · ‖w‖ / (‖d‖ + 1e-10), filter by filter. A filter is what makes one output: the last axis counts them, and in a depthwise kernel
 * [kh, kw, C, m] the last two.
 * @param name the weight's; it tells a depthwise kernel.
 * @example
 * ```ts
 * const kernel = tf.randomNormal([3, 3, 16, 32]);
 * const direction = filterNormalized(tf.randomNormal([3, 3, 16, 32]), kernel, 'conv1/kernel');
 * ```
 */
export function filterNormalized(direction: Tensor, weight: Tensor, name: string): Tensor {
  const kept = /depthwise_kernel/.test(name) ? 2 : 1;
  const axes = Array.from({ length: weight.rank - kept }, (_, axis) => axis);
  return tf.tidy(() => {
    const norm = (x: Tensor) => tf.sqrt(tf.sum(tf.square(x), axes, true));
    return tf.mul(direction, tf.div(norm(weight), tf.add(norm(direction), 1e-10)));
  });
}

/**
 * The cosine of the angle between two directions; they are not made orthogonal, but nearly are.
 * @example
 * ```ts
 * cosine(randomDirection(model, 1, 'x'), randomDirection(model, 1, 'y')); // near 0
 * ```
 */
export function cosine(a: Direction, b: Direction): number {
  const dot = (left: Direction, right: Direction) =>
    left.kernels.reduce((sum, { direction }, i) => {
      const product = tf.tidy(() => tf.sum(tf.mul(direction, right.kernels[i]?.direction as Tensor)));
      const [value] = product.dataSync();
      product.dispose();
      return sum + (value as number);
    }, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Standard normal numbers, by Box and Muller. */
function normals(random: Random, count: number): Float32Array {
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    // 1 - u lies in (0, 1], so its logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
    const angle = 2 * Math.PI * random.uniform();
    numbers[i] = radius * Math.cos(angle);
    if (i + 1 < count) numbers[i + 1] = radius * Math.sin(angle);
  }
  return numbers;
}
