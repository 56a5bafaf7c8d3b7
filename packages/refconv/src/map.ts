/**
 * The refocusing transformation W_t = W_b + W_r ∗ W_b (RefConv, arXiv 2310.10563, section III; class RepConv of Aiolus-X/RefConv).
 *
 * A kernel of PyTorch's shape (Cout, Cin/g, kh, kw) is read as one image of n = Cout·Cin/g channels of kh×kw pixels, channel
 * co·(Cin/g) + ci. The map is a convolution over that image, n to n channels in groups of g, zero-padded to keep kh×kw, without bias.
 */
import * as tf from '@tensorflow/tfjs';

/** How a kernel is to be read: the number of groups of its convolution, and whether it has the layout of a depthwise one. */
export interface KernelLayout {
  /**
   * `dense`: [kh, kw, Cin/groups, Cout], as `tf.conv2d` has it. `depthwise`: [kh, kw, C, m] for m·C outputs, as
   * `tf.depthwiseConv2d` has it.
   */
  kind: 'dense' | 'depthwise';
  /** Groups of a `dense` kernel. Default: 1. A depthwise one has as many as channels. */
  groups?: number;
}

type KernelShape = [height: number, width: number, inputs: number, outputs: number];

/** n, the kernel's 2-D slices, and g, how many of them one slice of W_t sees. */
function slices([, , inputs, outputs]: KernelShape, { kind, groups = 1 }: KernelLayout) {
  return { count: inputs * outputs, seen: kind === 'depthwise' ? inputs : groups };
}

/** The map sees one slice alone, as it does in a convolution without groups. */
function isPrivate({ kind, groups = 1 }: KernelLayout): boolean {
  return kind === 'dense' && groups === 1;
}

/**
 * The shape of W_r here, for speed that of a convolution's filter: [k, k, g, n] with n in PyTorch's order; for a dense kernel without
 * groups, where g = 1, [k, k, Cin, Cout]. Either way it holds Cin·Cout·k² numbers.
 * @example
 * ```ts
 * convmapShape([3, 3, 32, 1], { kind: 'depthwise' }, 3); // [3, 3, 32, 32]: each channel of W_t sees all of W_b
 * ```
 */
export function convmapShape(kernel: KernelShape, layout: KernelLayout, mapKernel: number): KernelShape {
  if (isPrivate(layout)) return [mapKernel, mapKernel, kernel[2], kernel[3]];
  const { count, seen } = slices(kernel, layout);
  return [mapKernel, mapKernel, seen, count];
}

/**
 * W_r from the layout of here to that of the official code, (Cout·Cin/g, g, k, k): `<conv>.convmap.weight` in weight files.
 * @example
 * ```ts
 * const convmap = tf.zeros<tf.Rank.R4>([3, 3, 32, 32]);
 * toOfficialConvmap(convmap, { kind: 'depthwise' }).shape; // [32, 32, 3, 3]
 * ```
 */
export function toOfficialConvmap(convmap: tf.Tensor4D, layout: KernelLayout): tf.Tensor4D {
  return tf.tidy(() => {
    const [height, width, inputs, outputs] = convmap.shape;
    const filters = tf.transpose(convmap, [3, 2, 0, 1]);
    return isPrivate(layout) ? tf.reshape(filters, [inputs * outputs, 1, height, width]) : filters;
  });
}

/**
 * W_r from the layout of the official code to that of here.
 * @param shape of W_r here: {@link convmapShape}.
 * @throws RangeError where the given tensor has another shape than the official code would have.
 * @example
 * ```ts
 * const official = tf.zeros<tf.Rank.R4>([32, 32, 3, 3]);
 * const convmap = fromOfficialConvmap(official, [3, 3, 32, 32], { kind: 'depthwise' });
 * ```
 */
export function fromOfficialConvmap(official: tf.Tensor4D, shape: KernelShape, layout: KernelLayout): tf.Tensor4D {
  const [height, width, inputs, outputs] = shape;
  const wanted = isPrivate(layout) ? [inputs * outputs, 1, height, width] : [outputs, inputs, height, width];
  if (official.shape.join() !== wanted.join()) {
    throw new RangeError(`W_r must have the official shape [${wanted}] for this layer; given [${official.shape}].`);
  }
  return tf.tidy(() => tf.transpose(tf.reshape(official, [outputs, inputs, height, width]), [2, 3, 1, 0]));
}

/** How W_r starts. */
export type ConvmapInit = 'zero' | 'xavier' | 'official';

/**
 * The bound of the uniform distribution that W_r is drawn from. `xavier`: PyTorch's `xavier_uniform_` of the official shape, as the
 * paper says; `official`: PyTorch's default for convolutions (`kaiming_uniform_`, a = √5), as the official code does; `zero`: 0.
 * @example
 * ```ts
 * convmapBound('xavier', [3, 3, 32, 1], { kind: 'depthwise' }, 3); // √(6 / (32 + 32)) / 3
 * ```
 */
export function convmapBound(init: ConvmapInit, kernel: KernelShape, layout: KernelLayout, mapKernel: number): number {
  const { count, seen } = slices(kernel, layout);
  if (init === 'zero') return 0;
  return init === 'official' ? 1 / (mapKernel * Math.sqrt(seen)) : Math.sqrt(6 / (seen + count)) / mapKernel;
}

/**
 * For each pixel of a kernel, the k×k pixels around it: indices into the kernel's flattened pixels, those outside one past the last.
 */
function neighbours(height: number, width: number, mapKernel: number): tf.Tensor1D {
  const reach = (mapKernel - 1) / 2;
  const indices: number[] = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let dy = -reach; dy <= reach; dy++)
        for (let dx = -reach; dx <= reach; dx++) {
          const [row, column] = [y + dy, x + dx];
          const inside = row >= 0 && row < height && column >= 0 && column < width;
          indices.push(inside ? row * width + column : height * width);
        }
  return tf.tensor1d(indices, 'int32');
}

/** For each pixel those that the map's filters meet there: pixels [kh·kw, n] to [kh·kw·k·k, n], zeros outside. */
function unfold(pixels: tf.Tensor2D, [height, width]: KernelShape, mapKernel: number): tf.Tensor2D {
  const padded = tf.pad(pixels, [
    [0, 1],
    [0, 0],
  ]);
  return tf.gather(padded, neighbours(height, width, mapKernel));
}

/** The map in groups over n slices in PyTorch's order, as one matrix product: pixels [kh·kw, n] to [kh·kw, n]. */
function mapTogether(pixels: tf.Tensor2D, kernel: KernelShape, convmap: tf.Tensor4D): tf.Tensor2D {
  const [mapKernel, , seen, count] = convmap.shape;
  const [groups, area, reach] = [count / seen, kernel[0] * kernel[1], mapKernel * mapKernel];
  const unfolded = unfold(pixels, kernel, mapKernel);
  if (groups === 1) {
    return tf.matMul(tf.reshape(unfolded, [area, reach * seen]), tf.reshape(convmap, [reach * seen, seen]));
  }
  const byGroup = (x: tf.Tensor, shape: number[]) => tf.transpose(tf.reshape(x, shape), [2, 0, 1, 3]);
  const update = tf.matMul(
    tf.reshape(byGroup(unfolded, [area, reach, groups, seen]), [groups, area, reach * seen]),
    tf.reshape(byGroup(convmap, [reach, seen, groups, seen]), [groups, reach * seen, seen]),
  );
  return tf.reshape(tf.transpose(update, [1, 0, 2]), [area, count]);
}

/** The kernel that @refconv/tensorflow registers on a CPU: {@link mapApart} in one operation. */
const FUSED_KERNEL = 'MapSlices';

/** W_t of a dense kernel: each slice is filtered by its own k×k filter, which is a depthwise convolution. */
function mapApart(basis: tf.Tensor4D, convmap: tf.Tensor4D, identity: boolean): tf.Tensor4D {
  if (tf.getKernel(FUSED_KERNEL, tf.getBackend())) {
    return tf.engine().runKernel(FUSED_KERNEL, { basis, map: convmap }, { identity }) as tf.Tensor4D;
  }
  const [height, width, inputs, outputs] = basis.shape;
  const [mapKernel] = convmap.shape;
  const count = inputs * outputs;
  const image = tf.reshape(basis, [1, height, width, count]) as tf.Tensor4D;
  const filters = tf.reshape(convmap, [mapKernel, mapKernel, count, 1]) as tf.Tensor4D;
  const update: tf.Tensor4D = tf.reshape(tf.depthwiseConv2d(image, filters, 1, 'same'), basis.shape);
  return identity ? tf.add(basis, update) : update;
}

/**
 * The transformed kernel W_t = W_b + W_r ∗ W_b.
 * @param basis W_b, in the layout given: [kh, kw, Cin/groups, Cout] or [kh, kw, C, m].
 * @param convmap W_r: {@link convmapShape}.
 * @param identity whether W_b is added. Default: true.
 * @returns the shape of the basis.
 * @example
 * ```ts
 * const basis = tf.randomNormal<tf.Rank.R4>([3, 3, 32, 1]);
 * const kernel = transformKernel(basis, tf.zeros([3, 3, 32, 32]), { kind: 'depthwise' }); // W_r = 0: the basis itself
 * ```
 */
export function transformKernel(
  basis: tf.Tensor4D,
  convmap: tf.Tensor4D,
  layout: KernelLayout,
  identity = true,
): tf.Tensor4D {
  return tf.tidy(() => {
    if (isPrivate(layout)) return mapApart(basis, convmap, identity);
    const update = mapSlices(basis, convmap, layout);
    return identity ? tf.add(basis, update) : update;
  });
}

/** A kernel's slices in PyTorch's order: [kh·kw, n]. */
function pixelsOf(basis: tf.Tensor4D, { kind }: KernelLayout): tf.Tensor2D {
  const [height, width, inputs, outputs] = basis.shape;
  // A depthwise kernel's [C, m] is that order already (output c·m + q); a dense one's [Cin/g, Cout] is not.
  const ordered = kind === 'depthwise' ? basis : tf.transpose(basis, [0, 1, 3, 2]);
  return tf.reshape(ordered, [height * width, inputs * outputs]);
}

function mapSlices(basis: tf.Tensor4D, convmap: tf.Tensor4D, layout: KernelLayout): tf.Tensor4D {
  const [height, width, inputs, outputs] = basis.shape;
  const update = mapTogether(pixelsOf(basis, layout), basis.shape, convmap);
  if (layout.kind === 'depthwise') return tf.reshape(update, basis.shape);
  return tf.transpose(tf.reshape(update, [height, width, outputs, inputs]), [0, 1, 3, 2]) as tf.Tensor4D;
}

/**
 * How much further one step of SGD moves W_t through W_r than a step of the same rate on the kernel itself would: with A the linear map from W_r
 * to W_t, a gradient G of W_t moves W_t by A·Aᵀ·G in the place of G. The root of the mean over all directions of G of ‖A·Aᵀ·G‖²/‖G‖²; for a
 * depthwise kernel it grows with the sum of the squares of all its channels' weights.
 * @example
 * ```ts
 * const basis = tf.randomNormal<tf.Rank.R4>([3, 3, 32, 1]);
 * const rate = 0.1 / stepAmplification(basis, 3, { kind: 'depthwise' }); // W_t then moves as a plain kernel would by 0.1
 * ```
 */
export function stepAmplification(basis: tf.Tensor4D, mapKernel: number, layout: KernelLayout): number {
  return tf.tidy(() => {
    const { count, seen } = slices(basis.shape, layout);
    const [area, reach, groups] = [basis.shape[0] * basis.shape[1], mapKernel * mapKernel, count / seen];
    const unfolded = unfold(pixelsOf(basis, layout), basis.shape, mapKernel);
    const byGroup = tf.transpose(tf.reshape(unfolded, [area, reach, groups, seen]), [2, 0, 1, 3]);
    const map = tf.reshape(byGroup, [groups, area, reach * seen]) as tf.Tensor3D;
    const square = tf.sum(tf.square(tf.matMul(map, map, false, true)));
    return Math.sqrt((square.dataSync()[0] as number) / (groups * area));
  });
}
