import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { type ConvolutionOptions, conv2d, type Padding, tf } from '../index.js';
import { withoutLeaks } from '../testing.js';
import {
  type Differentiable,
  expectFiniteDifferences,
  expectSame,
  expectSameCompiled,
  normal,
  operationsOf,
  tensorsLeft,
} from './testing.js';

type Pair = [number, number];

const pair = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

/** The zeros on both sides of one axis; 'same' after tf.nn.convolution's documentation. */
function zeros(padding: Padding, axis: 0 | 1, size: number, reach: number, stride: number): Pair {
  if (padding === 'valid') return [0, 0];
  if (typeof padding === 'number') return [padding, padding];
  if (padding !== 'same') return padding[axis];
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** The pixels that one element of the kernel meets: from `start`, every `stride`-th, `count` in all along each axis. */
function pixels(x: Tensor4D, start: Pair, stride: Pair, count: Pair): Tensor {
  const [n, , , c] = x.shape;
  const [[top, left], [sh, sw], [h, w]] = [start, stride, count];
  const span = [(h - 1) * sh + 1, (w - 1) * sw + 1] as Pair;
  const part = tf.slice(x, [0, top, left, 0], [n, ...span, c]);
  const whole = tf.pad(part, [
    [0, 0],
    [0, h * sh - span[0]],
    [0, w * sw - span[1]],
    [0, 0],
  ]);
  const blocks = tf.reshape(whole, [n, h, sh, w, sw * c]);
  return tf.reshape(tf.slice(blocks, [0, 0, 0, 0, 0], [n, h, 1, w, c]), [n * h * w, c]);
}

/** Convolution as a sum over the kernel's elements of matrix products, group by group: no kernel of a convolution takes part. */
function reference(x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions): Tensor {
  const { padding = 'valid' } = options;
  const [stride, dilation] = [pair(options.strides ?? 1), pair(options.dilations ?? 1)];
  const [n, height, width, channels] = x.shape;
  const [kh, kw, perGroup, out] = filter.shape;
  const reach = [(kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1] as Pair;
  const rows = zeros(padding, 0, height, reach[0], stride[0]);
  const columns = zeros(padding, 1, width, reach[1], stride[1]);
  const padded = tf.pad(x, [[0, 0], rows, columns, [0, 0]]);
  const count = [0, 1].map((axis) =>
    Math.floor(((padded.shape[axis + 1] as number) - (reach[axis] as number)) / (stride[axis] as number) + 1),
  ) as Pair;
  const groups = channels / perGroup;
  const parts = Array.from({ length: groups }, (_, group) => {
    const images = tf.slice(padded, [0, 0, 0, group * perGroup], [n, -1, -1, perGroup]) as Tensor4D;
    const products: Tensor[] = [];
    for (let i = 0; i < kh; i++)
      for (let j = 0; j < kw; j++) {
        const weights = tf.slice(filter, [i, j, 0, group * (out / groups)], [1, 1, perGroup, out / groups]);
        const met = pixels(images, [i * dilation[0], j * dilation[1]], stride, count);
        products.push(tf.matMul(met as never, tf.reshape(weights, [perGroup, out / groups])));
      }
    return tf.addN(products);
  });
  return tf.reshape(tf.concat(parts, 1), [n, ...count, out]);
}

/** A depthwise convolution is one with as many groups as channels. */
const depthwiseReference = (x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions) => {
  const [kh, kw, channels, multiplier] = filter.shape;
  return reference(x, tf.reshape(filter, [kh, kw, 1, channels * multiplier]), options);
};

type Convolution = (x: Tensor4D, filter: Tensor4D, options: ConvolutionOptions) => Tensor;

const depthwise: Convolution = (x, filter, { strides = 1, padding = 'valid', dilations = 1 }) =>
  tf.depthwiseConv2d(
    x,
    filter,
    strides,
    (Array.isArray(padding) ? [[0, 0], ...padding, [0, 0]] : padding) as 'same',
    'NHWC',
    dilations,
  );

const stock: Convolution = (x, filter, { strides = 1, padding = 'valid', dilations = 1 }) =>
  tf.conv2d(x, filter, strides, padding as 'same', 'NHWC', dilations);

const bind = (convolution: Convolution, options: ConvolutionOptions): Differentiable =>
  ((x: Tensor4D, filter: Tensor4D) => convolution(x, filter, options)) as Differentiable;

interface Drawn {
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

const drawn: fc.Arbitrary<Drawn> = fc.record({
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
function checkDrawn(
  convolution: Convolution,
  expected: Convolution,
  kernelShape: (drawn: Drawn) => Pair,
  runs: number,
): void {
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

const CASES: Record<string, { x: number[]; filter: number[]; options: ConvolutionOptions }> = {
  'a dense kernel': { x: [2, 4, 5, 2], filter: [3, 2, 2, 3], options: { padding: 'same' } },
  groups: { x: [1, 4, 4, 4], filter: [3, 3, 2, 4], options: { padding: 1 } },
  strides: {
    x: [1, 6, 5, 2],
    filter: [3, 3, 1, 2],
    options: {
      strides: [2, 3],
      padding: [
        [1, 0],
        [0, 2],
      ],
    },
  },
  dilations: { x: [1, 5, 6, 2], filter: [2, 3, 1, 4], options: { dilations: [3, 2], padding: 'same' } },
};

describe('conv2d', () => {
  it(
    'equals the sum of matrix products, with its gradients',
    withoutLeaks(() => checkDrawn(conv2d, reference, (d) => [d.perGroup, d.groups * d.outPerGroup], 150)),
  );

  for (const [name, { x, filter, options }] of Object.entries(CASES)) {
    it(
      `has the gradients of finite differences with ${name}`,
      withoutLeaks(() =>
        expectFiniteDifferences(bind(conv2d, options), [normal(x, 1), normal(filter, 2)], {
          step: 0.5,
          tolerance: 1e-4,
        }),
      ),
    );

    it(
      `is the same in a compiled function with ${name}`,
      withoutLeaks(() => expectSameCompiled(bind(conv2d, options), [normal(x, 1), normal(filter, 2)])),
    );

    it(
      `leaves its result alone with ${name}`,
      withoutLeaks(() => {
        const given = [normal(x, 1), normal(filter, 2)];
        const f = bind(conv2d, options);
        expect(tensorsLeft(() => f(...given))).to.equal(1);
        expect(tensorsLeft(() => tf.grads(f)(given))).to.equal(2);
      }),
    );
  }

  it(
    'refuses channels that do not fit the kernel, and strides together with dilations',
    withoutLeaks(() => {
      const x = tf.zeros<never>([1, 8, 8, 6]) as Tensor as Tensor4D;
      const kernel = (...shape: number[]) => tf.zeros(shape) as Tensor4D;
      const message =
        /images of 6 channels and a kernel of shape \[3,3,4,8\]; the kernel's third dimension must divide/;
      expect(() => conv2d(x, kernel(3, 3, 4, 8))).to.throw(message);
      expect(() => conv2d(x, kernel(3, 3, 2, 8))).to.throw(/the groups that result must divide its fourth/);
      expect(() => conv2d(x, kernel(3, 3, 12, 8))).to.throw(/images of 6 channels/);
      const both = { strides: 2, dilations: 2 };
      expect(() => conv2d(x, kernel(3, 3, 6, 8), both)).to.throw(/strides 2 and dilations 2; one of them must be 1/);
      expect(() => depthwise(x, kernel(3, 3, 6, 1), both)).to.throw(/one of them must be 1/);
    }),
  );
});

describe('tf.depthwiseConv2d', () => {
  it(
    'equals the sum of matrix products, with its gradients',
    withoutLeaks(() =>
      checkDrawn(depthwise, depthwiseReference, (d) => [d.groups * d.perGroup, Math.min(d.outPerGroup, 2)], 100),
    ),
  );

  for (const [multiplier, options] of [
    [1, { strides: 2, padding: 'same' }],
    [2, { dilations: [2, 3], padding: 'same' }],
  ] as [number, ConvolutionOptions][]) {
    const f = bind(depthwise, options);
    const given = () => [normal([1, 5, 6, 3], 1), normal([3, 2, 3, multiplier], 2)];

    it(
      `has the gradients of finite differences with multiplier ${multiplier} and ${JSON.stringify(options)}`,
      withoutLeaks(() => expectFiniteDifferences(f, given(), { step: 0.5, tolerance: 1e-4 })),
    );

    it(
      `is the same in a compiled function, and leaves its result alone, with ${JSON.stringify(options)}`,
      withoutLeaks(() => {
        expectSameCompiled(f, given());
        const inputs = given();
        expect(tensorsLeft(() => f(...inputs))).to.equal(1);
        expect(tensorsLeft(() => tf.grads(f)(inputs))).to.equal(2);
      }),
    );
  }

  it(
    'leaves its inputs usable where a dilated one runs in a tidy',
    withoutLeaks(() => {
      const [x, filter] = [normal([1, 5, 5, 2], 1), normal([3, 3, 2, 1], 2)] as [Tensor4D, Tensor4D];
      tf.tidy(() => void depthwise(x, filter, { dilations: 2 }));
      expect(x.dataSync().length).to.equal(50);
      expect(filter.dataSync().length).to.equal(18);
    }),
  );
});

describe('tf.conv2d', () => {
  for (const options of [{ padding: 'same' }, { strides: 2 }, { padding: 1 }, { dilations: [2, 3], padding: 'same' }]) {
    it(
      `equals the sum of matrix products, with its gradients, with ${JSON.stringify(options)}`,
      withoutLeaks(() => {
        const [f, expected] = [stock, reference].map((each) => bind(each, options as ConvolutionOptions));
        expectSame(f as Differentiable, expected as Differentiable, [normal([2, 7, 8, 3], 1), normal([3, 3, 3, 4], 2)]);
      }),
    );
  }

  it(
    'is one operation, and so is each gradient',
    withoutLeaks(() => {
      const names = operationsOf(bind(stock, { padding: 'same' }), [normal([2, 7, 8, 3], 1), normal([3, 3, 3, 4], 2)]);
      expect(names).to.include.members(['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter']);
    }),
  );

  it(
    'has second derivatives',
    withoutLeaks(() => {
      const gradient = tf.grad((x: Tensor) => tf.sum(tf.pow(stock(x as Tensor4D, filter, { padding: 'same' }), 3)));
      const filter = normal([3, 3, 2, 2], 2) as Tensor4D;
      expectFiniteDifferences((x) => gradient(x as Tensor), [normal([1, 4, 4, 2], 1)], { step: 0.05 });
    }),
  );
});
