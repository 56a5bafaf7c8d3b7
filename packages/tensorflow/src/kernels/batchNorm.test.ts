import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { BATCH_NORM_TRAINING, batchNormTraining, compile, tf } from '../index.js';
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

const EPSILON = 1e-3;

const training: Differentiable = (x, scale, offset) =>
  batchNormTraining(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, EPSILON)[0];

/** (x − mean) / √(variance + ε) · scale + offset, without the kernels Rsqrt and Sqrt, whose gradients are replaced too. */
const normalised = (x: Tensor, mean: Tensor, variance: Tensor, scale: Tensor | number, offset: Tensor | number) =>
  tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.pow(tf.add(variance, EPSILON), -0.5)), scale), offset);

const composed: Differentiable = (x, scale, offset) => {
  const mean = tf.mean(x as Tensor, [0, 1, 2]);
  const variance = tf.mean(tf.square(tf.sub(x as Tensor, mean)), [0, 1, 2]);
  return normalised(x as Tensor, mean, variance, scale as Tensor, offset as Tensor);
};

/** Images whose channels differ in mean and spread, a scale and an offset. */
function inputs(shape: [number, number, number, number], seed = 1): [Tensor, Tensor, Tensor] {
  const channels = shape[3];
  const x = tf.add(tf.mul(normal(shape, seed), tf.linspace(0.5, 2, channels)), tf.linspace(-3, 3, channels));
  return [x, normal([channels], seed + 1, 1, 0.5), normal([channels], seed + 2)];
}

const SHAPES: [number, number, number, number][] = [
  [4, 5, 3, 6],
  [64, 1, 1, 3],
  [1, 9, 7, 1],
  [2, 1, 1, 40],
];

describe('batchNormTraining', () => {
  for (const shape of SHAPES) {
    it(
      `has the value and the gradients of its formula on [${shape}]`,
      withoutLeaks(() => expectSame(training, composed, inputs(shape))),
    );
  }

  it(
    'has the gradients of finite differences',
    withoutLeaks(() => expectFiniteDifferences(training, inputs([3, 2, 2, 2]))),
  );

  it(
    'is the same in a compiled function',
    withoutLeaks(() => expectSameCompiled(training, inputs([4, 5, 3, 6]))),
  );

  it(
    'consists of fused operations',
    withoutLeaks(() => {
      const names = operationsOf(training, inputs([4, 5, 3, 6]));
      const fused = cpuKernels
        ? ['RefconvBatchStatistics', 'RefconvNormalize', 'RefconvNormalizeGrad']
        : ['FusedBatchNormV3', 'FusedBatchNormGradV3'];
      expect(names).to.include.members(fused);
      expect(names).to.not.include('Rsqrt');
    }),
  );

  it(
    "gives the batch's mean and unbiased variance",
    withoutLeaks(() => {
      const [x, scale, offset] = inputs([4, 5, 3, 6]) as [Tensor4D, Tensor1D, Tensor1D];
      const [, mean, variance] = batchNormTraining(x, scale, offset, EPSILON);
      const moments = tf.moments(x, [0, 1, 2]);
      expectClose(mean, moments.mean, 1e-5);
      expectClose(variance, tf.mul(moments.variance, 60 / 59), 1e-5);
    }),
  );

  it(
    'keeps its precision where the mean is large beside the spread',
    withoutLeaks(() => {
      const [x, scale, offset] = inputs([8, 4, 4, 3]) as [Tensor, Tensor, Tensor];
      const far = tf.add(x, 100);
      // At 100 a float32 is 8e-6 wide.
      expectClose(training(far, scale, offset), training(x, scale, offset), 1e-4);
    }),
  );

  it(
    'takes ε for what a constant channel lacks in variance',
    withoutLeaks(() => {
      const x = tf.fill([2, 2, 2, 1], 5);
      const [y, dx] = [training, (...given: Tensor[]) => tf.grads(training)(given)[0] as Tensor].map((f) =>
        f(x, tf.tensor1d([2]), tf.tensor1d([7])),
      ) as [Tensor, Tensor];
      expectClose(y, new Array(8).fill(7));
      expectClose(dx, new Array(8).fill(0));
    }),
  );

  it(
    'refuses images that hold no values, and a scale or an offset of another length',
    withoutLeaks(() => {
      if (!cpuKernels) return; // TensorFlow's own operation refuses them in its own words
      const run = (x: number[], scale: number, offset: number) => () => {
        const given = [tf.ones(x), tf.ones([scale]), tf.zeros([offset])] as Tensor[] as [Tensor4D, Tensor1D, Tensor1D];
        const program = compile({ gradients: (...given: Tensor[]) => tf.grads(training)(given) });
        try {
          tf.tidy(() => void batchNormTraining(...given, EPSILON));
        } finally {
          expect(() => program.gradients(...given), 'compiled gradients').to.throw();
          program.dispose();
        }
      };
      expect(run([2, 2, 2, 64], 1, 64)).to.throw(/64 channels came with .* of 1 values; give a value for each channel/);
      expect(run([2, 2, 2, 64], 64, 1)).to.throw(/of 1 values/);
      expect(run([0, 2, 2, 3], 3, 3)).to.throw(/images that hold no values; give a batch of at least one image/);
      expect(run([2, 2, 2, 0], 0, 0)).to.throw(/hold no values/);
    }),
  );

  it(
    'leaves its results alone',
    withoutLeaks(() => {
      const given = inputs([2, 2, 2, 3]) as [Tensor4D, Tensor1D, Tensor1D];
      expect(tensorsLeft(() => batchNormTraining(...given, EPSILON))).to.equal(3);
      expect(tensorsLeft(() => tf.grads(training)(given))).to.equal(3);
    }),
  );
});

describe('The kernel BatchNormTraining with running statistics', () => {
  const FACTOR = 0.1;

  /** y, running mean and running variance, as a layer asks for them. */
  const run = (...[x, scale, offset, runningMean, runningVariance]: Tensor[]): Tensor[] => {
    const given = { x, scale, offset, runningMean, runningVariance } as never;
    return tf.engine().runKernel(BATCH_NORM_TRAINING, given, { epsilon: EPSILON, averageFactor: FACTOR }) as Tensor[];
  };
  const withRunning = () => [...inputs([4, 5, 3, 6]), normal([6], 7), tf.abs(normal([6], 8))];

  it(
    'gives (1 − factor)·running + factor·batch, of the unbiased variance',
    withoutLeaks(() => {
      const given = withRunning();
      const [x, scale, offset, runningMean, runningVariance] = given as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const [y, mean, variance] = run(...given) as [Tensor, Tensor, Tensor];
      const moments = tf.moments(x, [0, 1, 2]);
      const average = (running: Tensor, batch: Tensor) => tf.add(tf.mul(running, 1 - FACTOR), tf.mul(batch, FACTOR));
      expectClose(y, composed(x, scale, offset), 1e-5);
      expectClose(mean, average(runningMean, moments.mean), 1e-5);
      expectClose(variance, average(runningVariance, tf.mul(moments.variance, 60 / 59)), 1e-5);
    }),
  );

  it(
    'refuses running statistics of another length',
    withoutLeaks(() => {
      if (!cpuKernels) return;
      const [x, scale, offset] = inputs([4, 5, 3, 6]) as [Tensor, Tensor, Tensor];
      for (const [mean, variance] of [
        [1, 6],
        [6, 1],
      ])
        expect(() =>
          tf.tidy(() => void run(x, scale, offset, tf.zeros([mean ?? 0]), tf.ones([variance ?? 0]))),
        ).to.throw(/6 channels came with .* of 1 values/);
    }),
  );

  it(
    'has the gradients of the kernel without them, and is the same in a compiled function',
    withoutLeaks(() => {
      const [x, scale, offset, ...running] = withRunning() as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const f: Differentiable = (...given) => run(...given, ...running)[0] as Tensor;
      expectSame(f, composed, [x, scale, offset]);
      expectSameCompiled(f, [x, scale, offset]);
    }),
  );
});

describe('tf.batchNorm4d', () => {
  /** By what is given: the names of the gradients' inputs beside x, mean and variance. */
  const VARIANTS: Record<string, { scale: boolean; offset: boolean }> = {
    'scale and offset': { scale: true, offset: true },
    'scale alone': { scale: true, offset: false },
    'offset alone': { scale: false, offset: true },
    'neither scale nor offset': { scale: false, offset: false },
  };

  /** x, mean, variance and what else is given. */
  function given({ scale, offset }: { scale: boolean; offset: boolean }, x = [4, 5, 3, 6], others = [6]): Tensor[] {
    const statistics = [normal(others, 2), tf.add(tf.abs(normal(others, 3)), 0.3)];
    const factors = [...(scale ? [normal(others, 4, 1)] : []), ...(offset ? [normal(others, 5)] : [])];
    return [normal(x, 1, 0, 2), ...statistics, ...factors];
  }

  for (const [name, variant] of Object.entries(VARIANTS)) {
    const named = (inputs: Tensor[]) => {
      const [x, mean, variance, ...rest] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
      const scale = variant.scale ? rest.shift() : undefined;
      return { x, mean, variance, scale, offset: variant.offset ? rest.shift() : undefined };
    };
    const f: Differentiable = (...inputs) => {
      const { x, mean, variance, scale, offset } = named(inputs) as Record<string, Tensor1D>;
      return tf.batchNorm4d(x as Tensor as Tensor4D, mean as Tensor1D, variance as Tensor1D, offset, scale, EPSILON);
    };
    const reference: Differentiable = (...inputs) => {
      const { x, mean, variance, scale, offset } = named(inputs);
      return normalised(x, mean, variance, scale ?? 1, offset ?? 0);
    };

    it(
      `has the value and the gradients of its formula with ${name}`,
      withoutLeaks(() => expectSame(f, reference, given(variant))),
    );

    it(
      `has the gradients of finite differences with ${name}`,
      withoutLeaks(() => expectFiniteDifferences(f, given(variant, [2, 2, 1, 3], [3]))),
    );

    it(
      `does so with statistics for each pixel with ${name}`,
      withoutLeaks(() => expectSame(f, reference, given(variant, [2, 3, 2, 4], [2, 3, 2, 4]))),
    );

    it(
      `is the same in a compiled function with ${name}`,
      withoutLeaks(() => expectSameCompiled(f, given(variant))),
    );

    it(
      `leaves its result alone with ${name}`,
      withoutLeaks(() => {
        const inputs = given(variant);
        expect(tensorsLeft(() => f(...inputs))).to.equal(1);
        expect(tensorsLeft(() => tf.grads(f)(inputs))).to.equal(inputs.length);
      }),
    );
  }

  it(
    'refuses scales, offsets and statistics of another length, as the stock kernel does, and takes no images for none',
    withoutLeaks(() => {
      const run = (...lengths: number[]) => {
        const [mean, variance, offset, scale] = lengths.map((length) => tf.ones([length]) as Tensor1D);
        return () =>
          tf.batchNorm4d(tf.ones([1, 1, 2, 64]), mean as Tensor1D, variance as Tensor1D, offset, scale).dataSync();
      };
      for (const wrong of [0, 1, 2, 3])
        expect(run(...[0, 1, 2, 3].map((i) => (i === wrong ? 1 : 64)))).to.throw(/same number of elements/);
      const ones = tf.ones([3]) as Tensor1D;
      expect(tf.batchNorm4d(tf.ones([0, 2, 2, 3]), ones, ones).shape).to.deep.equal([0, 2, 2, 3]);
    }),
  );

  it(
    'scales alone for the gradient with respect to x, on a GPU by the fused operation',
    withoutLeaks(() => {
      const [x, mean, variance] = given({ scale: false, offset: false }) as [Tensor4D, Tensor1D, Tensor1D];
      const names = operationsOf((x) => tf.batchNorm4d(x as Tensor4D, mean, variance), [x]);
      expect(names).to.include(cpuKernels ? 'RefconvNormalize' : 'FusedBatchNormGradV3');
    }),
  );
});
