import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type ConvolutionOptions, conv2d, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { cpuKernels } from './cpu.js';
import {
  type Differentiable,
  expectFiniteDifferences,
  expectSame,
  expectSameCompiled,
  normal,
  operationsOf,
  tensorsLeft,
} from './testing.js';
import {
  bind,
  type Convolution,
  checkDrawn,
  depthwiseReference,
  drawn,
  evenlyMoved,
  reference,
} from './testingConvolution.js';

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
  'a strided 1×1 kernel': { x: [2, 6, 5, 3], filter: [1, 1, 3, 2], options: { strides: 2, padding: 'same' } },
  'strided 1×1 kernels in groups': { x: [1, 5, 7, 4], filter: [1, 1, 2, 6], options: { strides: [2, 3] } },
  'a strided 1×1 kernel over padding': { x: [1, 4, 5, 2], filter: [1, 1, 2, 3], options: { strides: 2, padding: 1 } },
  dilations: { x: [1, 5, 6, 2], filter: [2, 3, 1, 4], options: { dilations: [3, 2], padding: 'same' } },
};

describe('conv2d', () => {
  it(
    'equals products of matrices, with its gradients',
    withoutLeaks(() =>
      checkDrawn(conv2d, reference, { drawn, runs: 150, kernelShape: (d) => [d.perGroup, d.groups * d.outPerGroup] }),
    ),
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

  for (const channels of [3, 5])
    it(
      `has the gradients of a strided 1×1 kernel for ${channels} channels, which oneDNN's lacks`,
      withoutLeaks(() => {
        const inputs = [normal([16, 32, 32, channels], 1), normal([1, 1, channels, 16], 2)];
        for (const padding of ['valid', 'same'] as const) {
          const options = { strides: 2, padding };
          expectSame(bind(conv2d, options), bind(reference, options), inputs);
          expectSameCompiled(bind(conv2d, options), inputs);
        }
      }),
    );

  it(
    'refuses channels that do not fit the kernel, and strides together with dilations',
    withoutLeaks(() => {
      const x = tf.zeros([1, 8, 8, 6]) as Tensor4D;
      const kernel = (...shape: [number, number, number, number]) => tf.zeros(shape) as Tensor4D;
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
    'equals products of matrices, with its gradients',
    withoutLeaks(() =>
      checkDrawn(depthwise, depthwiseReference, {
        drawn: evenlyMoved,
        runs: 100,
        kernelShape: (d) => [d.groups * d.perGroup, d.outPerGroup],
      }),
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

  // Channels that fill vectors and some that do not; the dilation reaches beyond the image in the last.
  for (const [kernel, dilations, size] of [
    [3, 2, [9, 7]],
    [5, 2, [9, 12]],
    [7, 3, [10, 8]],
    [3, 12, [9, 7]],
  ] as [number, number, number[]][]) {
    it(
      `equals products of matrices with a ${kernel}×${kernel} kernel dilated by ${dilations}, by kernels of its own on a CPU`,
      withoutLeaks(() => {
        const options: ConvolutionOptions = { dilations, padding: 'same' };
        const [f, expected] = [depthwise, depthwiseReference].map((each) => bind(each, options));
        const given = () => [normal([3, ...size, 93], 1), normal([kernel, kernel, 93, 1], 2)];
        expectSame(f as Differentiable, expected as Differentiable, given());
        expectSameCompiled(f as Differentiable, given());
        const names = operationsOf(f as Differentiable, given());
        if (cpuKernels) expect(names).to.include.members(['RefconvDepthwise', 'RefconvDepthwiseKernelGrad']);
      }),
    );
  }

  it(
    'has the gradients of finite differences with a kernel dilated by its own kernels',
    withoutLeaks(() =>
      expectFiniteDifferences(
        bind(depthwise, { dilations: 2, padding: 'same' }),
        [normal([1, 6, 5, 3], 1), normal([3, 3, 3, 1], 2)],
        { step: 0.5, tolerance: 1e-4 },
      ),
    ),
  );

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

describe('convolutions of nothing', () => {
  const run = (f: Convolution, x: number[], filter: number[], options: ConvolutionOptions = {}) =>
    tf.tidy(() => {
      const given = [tf.ones(x), tf.ones(filter)] as Tensor[] as [Tensor4D, Tensor4D];
      const y = f(...given, options);
      const gradients = tf.grads((x, filter) => tf.sum(f(x as Tensor4D, filter as Tensor4D, options)))(given);
      for (const tensor of [y, ...gradients]) expectClose(tensor, new Array(tensor.size).fill(0));
      return [y, ...gradients].map(({ shape }) => shape);
    });

  it(
    'refuse images that the kernel does not fit into',
    withoutLeaks(() => {
      const message = /images of 2×2 and a kernel of 3×3.*result would be 0×0.*larger images or padding/;
      expect(() => run(depthwise, [1, 2, 2, 8], [3, 3, 8, 1])).to.throw(message);
      expect(() => run(stock, [1, 2, 2, 8], [3, 3, 8, 4])).to.throw(message);
      expect(() => run(conv2d, [1, 2, 2, 8], [3, 3, 4, 4])).to.throw(message);
      expect(() => run(depthwise, [1, 5, 5, 8], [3, 3, 8, 1], { dilations: 3 })).to.throw(/result would be -1×-1/);
      expect(() => run(depthwise, [1, 0, 4, 8], [3, 3, 8, 1], { padding: 'same' })).to.throw(/images of 0×4/);
      expect(() => run(stock, [1, 0, 4, 8], [1, 1, 8, 2])).to.throw(/images of 0×4/);
    }),
  );

  it(
    'are 0, with gradients of 0, where there are no images or no channels',
    withoutLeaks(() => {
      for (const [f, x, filter, options, y] of [
        [depthwise, [0, 5, 5, 8], [3, 3, 8, 1], {}, [0, 3, 3, 8]],
        [depthwise, [0, 5, 5, 8], [3, 3, 8, 1], { strides: 2 }, [0, 2, 2, 8]],
        [depthwise, [0, 5, 5, 8], [3, 3, 8, 1], { dilations: 2 }, [0, 1, 1, 8]],
        [depthwise, [1, 4, 4, 0], [3, 3, 0, 1], {}, [1, 2, 2, 0]],
        [stock, [0, 4, 4, 3], [1, 1, 3, 2], {}, [0, 4, 4, 2]],
        [stock, [0, 4, 4, 3], [3, 3, 3, 2], {}, [0, 2, 2, 2]],
        [stock, [1, 4, 4, 0], [1, 1, 0, 2], {}, [1, 4, 4, 2]],
        [stock, [1, 4, 4, 3], [1, 1, 3, 0], {}, [1, 4, 4, 0]],
        [conv2d, [0, 4, 4, 4], [3, 3, 2, 4], { padding: 1 }, [0, 4, 4, 4]],
      ] as [Convolution, number[], number[], ConvolutionOptions, number[]][])
        expect(run(f, x, filter, options)).to.deep.equal([y, x, filter]);
    }),
  );
});

describe('tf.conv2d', () => {
  for (const options of [{ padding: 'same' }, { strides: 2 }, { padding: 1 }, { dilations: [2, 3], padding: 'same' }]) {
    it(
      `equals products of matrices, with its gradients, with ${JSON.stringify(options)}`,
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
