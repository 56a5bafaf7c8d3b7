/** Bilinear resizing with half-pixel centres, whose gradient in tfjs is that of another resizing. */
import * as tf from '@tensorflow/tfjs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];
type Shape = (number | null)[];
type Size = [height: number, width: number];

/** The kernel that @refconv/tensorflow registers; on other backends the matrices' products are taken. */
const KERNEL = 'BilinearResize';

/**
 * The weights of bilinear resizing along one axis, [to, from] row by row: output i reads at max((i + ½)·from/to − ½, 0), between two
 * neighbours (half-pixel centres, no antialiasing; torch.nn.functional.interpolate with align_corners=False).
 * @example
 * ```ts
 * bilinearMatrix(2, 4); // 4 rows of 2: [1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]
 * ```
 */
export function bilinearMatrix(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = Math.max(((i + 0.5) * from) / to - 0.5, 0);
    const first = Math.floor(at);
    const second = Math.min(first + 1, from - 1);
    weights[i * from + first] = 1 - (at - first);
    weights[i * from + second] = (weights[i * from + second] as number) + (at - first);
  }
  return weights;
}

/**
 * Resizes images [n, h, w, c] to [n, height, width, c]: {@link bilinearMatrix} over the rows and over the columns.
 * @throws RangeError for sizes that are no positive integers.
 * @example
 * ```ts
 * const larger = bilinearResize(images, [64, 64]); // [n, 64, 64, c]
 * ```
 */
export function bilinearResize(x: tf.Tensor4D, [height, width]: Size): tf.Tensor4D {
  if (![height, width].every((size) => Number.isInteger(size) && size > 0))
    throw new RangeError(`Images are resized to a positive height and width in pixels; given ${height}×${width}.`);
  const [n, h, w, c] = x.shape;
  if (h === height && w === width) return tf.clone(x);
  return tf.tidy(() => {
    const matrix = (from: number, to: number) => tf.tensor2d(Float32Array.from(bilinearMatrix(from, to)), [to, from]);
    const [rows, columns] = [matrix(h, height), matrix(w, width)];
    if (tf.getKernel(KERNEL, tf.getBackend()))
      return tf.engine().runKernel(KERNEL, { x, rows, columns }) as tf.Tensor4D;
    const product = (matrix: tf.Tensor2D, images: tf.Tensor) => tf.matMul(tf.expandDims<tf.Tensor3D>(matrix), images);
    const tall = product(rows, tf.reshape(x, [n, h, w * c]));
    return tf.reshape(product(columns, tf.reshape(tall, [n * height, w, c])), [n, height, width, c]);
  });
}

export type BilinearResizeArgs = LayerArgs & {
  /** Of the result, in pixels. */
  height: number;
  width: number;
};

/** {@link bilinearResize} as a layer: images [n, h, w, c] of any size to [n, height, width, c]. */
export class BilinearResize extends tf.layers.Layer {
  static className = 'BilinearResize';
  private readonly size: Size;

  constructor(args: BilinearResizeArgs) {
    super(args);
    this.size = [args.height, args.width];
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [n, , , channels] = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape;
    return [n as number | null, ...this.size, channels as number | null];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return bilinearResize((Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D, this.size);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const [height, width] = this.size;
    return { ...super.getConfig(), height, width };
  }
}

tf.serialization.registerClass(BilinearResize);
