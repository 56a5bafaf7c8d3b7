/** Convolution without a kernel of convolution, and convolutions drawn at random to compare with it. */
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import fc from 'fast-check';
import { tf } from '../load.js';
import type { ConvolutionOptions, Padding } from './convolution.js';
import { type Differentiable, expectSame, normal } from './testing.js';

export type Pair = [number, number];

const pair = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

/** The zeros on both sides of one axis; 'same' after tf.nn.convolution's documentation. */
function zeros(padding: Padding, axis: 0 | 1, size: number, reach: number, stride: number): Pair {
  if (padding === 'valid') return [0, 0];
  if (typeof padding === 'number') return [padding, padding];
  if (padding !== 'same') return padding[axis];
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/**
 * The image's pixel that each element of the kernel meets for each pixel of the result, as rows of a matrix of zeros and ones:
 * [h·w·kh·kw, height·width]. What meets padding is a row of zeros.
 */
function meetings(image: Pair, kernel: Pair, result: Pair, before: Pair, stride: Pair, dilation: Pair): Tensor2D {
  const rows: number[][] = [];
  for (let y = 0; y < result[0]; y++)
    for (let x = 0; x < result[1]; x++)
      for (let i = 0; i < kernel[0]; i++)
        for (let j = 0; j < kernel[1]; j++) {
          const row = new Array<number>(image[0] * image[1]).fill(0);
          const [top, left] = [
            y * stride[0] + i * dilation[0] - before[0],
            x * stride[1] + j * dilation[1] - before[1],
          ];
          if (top >= 0 && top < image[0] && left >= 0 && left < image[1]) row[top * image[1] + left] = 1;
          rows.push(row);
        }
  return tf.tensor2d(rows);
}

/** Convolution as products of matrices, one for each group: no kernel of a convolution takes part. */
export function reference(x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions): Tensor {
  const { padding = 'valid' } = options;
  const [stride, dilation] = [pair(options.strides ?? 1), pair(options.dilations ?? 1)];
  const [n, height, width, channels] = x.shape;
  const [kh, kw, perGroup, out] = filter.shape;
  const groups = channels / perGroup;
  const axis = (which: 0 | 1, size: number, kernel: number) => {
    const reach = (kernel - 1) * dilation[which] + 1;
    const [before, after] = zeros(padding, which, size, reach, stride[which]);
    return { before, count: Math.floor((size + before + after - reach) / stride[which]) + 1 };
  };
  const [rows, columns] = [axis(0, height, kh), axis(1, width, kw)];
  const [h, w] = [rows.count, columns.count];
  const meet = meetings([height, width], [kh, kw], [h, w], [rows.before, columns.before], stride, dilation);
  const pixels = tf.reshape(tf.transpose(x, [1, 2, 0, 3]), [height * width, n * channels]);
  const met = tf.reshape(tf.matMul(meet, pixels as Tensor2D), [h * w, kh * kw, n, groups, perGroup]);
  const images = tf.reshape(tf.transpose(met, [3, 2, 0, 1, 4]), [groups, n * h * w, kh * kw * perGroup]);
  const weights = tf.transpose(tf.reshape(filter, [kh * kw * perGroup, groups, out / groups]), [1, 0, 2]);
  const y = tf.reshape(tf.matMul(images as Tensor3D, weights as Tensor3D), [groups, n * h * w, out / groups]);
  return tf.reshape(tf.transpose(y, [1, 0, 2]), [n, h, w, out]);
}

/** A depthwise convolution is one with as many groups as channels. */
export const depthwiseReference = (x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions) => {
  const [kh, kw, channels, multiplier] = filter.shape;
  return reference(x, tf.reshape(filter, [kh, kw, 1, channels * multiplier]), options);
};

export type Convolution = (x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions) => Tensor;

export interface Drawn {
  batch: number;
  kernel: Pair;
  extra: Pair;
  groups: number;
  perGroup: number;
  outPerGroup: number;
  moves: { strides: Pair } | { dilations: Pair };
  padding: Padding;
}

const upTo = (most: number) => fc.integer({ min: 1, max: most });
const side = fc.tuple(fc.nat(3), fc.nat(3));

export const drawn: fc.Arbitrary<Drawn> = fc.record({
  batch: upTo(2),
  kernel: fc.tuple(upTo(5), upTo(5)),
  extra: fc.tuple(fc.integer({ min: -2, max: 5 }), fc.integer({ min: -2, max: 5 })),
  groups: upTo(3),
  perGroup: upTo(3),
  outPerGroup: upTo(3),
  moves: fc.oneof(
    fc.record({ strides: fc.tuple(upTo(3), upTo(3)) }),
    fc.record({ dilations: fc.tuple(upTo(3), upTo(3)) }),
  ),
  padding: fc.oneof(fc.constantFrom<Padding[]>('same', 'valid'), fc.nat(3), fc.tuple(side, side)),
});

/** The image's sizes: what the kernel reaches plus `extra`, so that most of what is drawn can be computed. */
function imageSize({ kernel, extra, moves, padding }: Drawn): Pair {
  return [0, 1].map((axis) => {
    const dilation = 'dilations' in moves ? (moves.dilations[axis] as number) : 1;
    const reach = ((kernel[axis] as number) - 1) * dilation + 1;
    const size = Math.max(1, reach + (extra[axis] as number));
    const [before, after] = zeros(padding, axis as 0 | 1, size, reach, 1);
    return size + before + after < reach ? reach : size;
  }) as Pair;
}

/** Checks value and gradients of randomly drawn convolutions. */
export function checkDrawn(
  convolution: Convolution,
  expected: Convolution,
  options: { drawn: fc.Arbitrary<Drawn>; runs: number; kernelShape: (drawn: Drawn) => Pair },
): void {
  const { drawn, runs, kernelShape } = options;
  const property = fc.property(drawn, (drawn) => {
    const options = { ...drawn.moves, padding: drawn.padding };
    tf.tidy(() => {
      const x = normal([drawn.batch, ...imageSize(drawn), drawn.groups * drawn.perGroup], 1);
      const filter = normal([...drawn.kernel, ...kernelShape(drawn)], 2);
      expectSame(bind(convolution, options), bind(expected, options), [x, filter]);
    });
  });
  fc.assert(property, { numRuns: runs, seed: 1 });
}

/** TensorFlow has no gradient of a depthwise convolution whose strides differ. */
export const evenlyMoved = drawn.map(({ moves, ...rest }) => {
  const [stride] = 'strides' in moves ? moves.strides : [1];
  return { ...rest, moves: 'strides' in moves ? { strides: [stride, stride] as Pair } : moves };
});

/** The convolution as a function of images and kernel. */
export const bind = (convolution: Convolution, options: ConvolutionOptions): Differentiable =>
  ((x: Tensor4D, filter: Tensor4D) => convolution(x, filter, options)) as Differentiable;
