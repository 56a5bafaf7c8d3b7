import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, tf } from './index.js';
import { batchNormTraining } from './kernels/batchNorm.js';
import { conv2d } from './kernels/convolution.js';
import { cpuKernels } from './kernels/cpu.js';
import { type Differentiable, expectSameCompiled, normal, operationCounts, operationsOf } from './kernels/testing.js';
import { expectClose, withoutLeaks } from './testing.js';

type Activation = 'none' | 'relu' | 'relu6';

function normalized(x: Tensor, scale: Tensor, offset: Tensor, activation: Activation): Tensor4D {
  const [y] = batchNormTraining(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, 1e-3);
  return activation === 'none' ? y : tf[activation](y);
}

interface Case {
  channels: number;
  /** Of a 1×1 convolution; depthwise without. */
  outputs?: number;
  size?: [number, number];
  batch?: number;
  kernel?: number;
  stride?: number;
  activations: [Activation, Activation];
  /** Whether zeros are put around the images by an operation of their own. */
  padded?: boolean;
}

/** A convolution between two batch norms, as a function of images, scale, offset, kernel, scale, offset. */
function block({ outputs, kernel = 3, stride = 1, activations, padded }: Case): Differentiable {
  return (images, scale, offset, filter, nextScale, nextOffset) => {
    let x = normalized(images as Tensor, scale as Tensor, offset as Tensor, activations[0]);
    if (outputs) x = conv2d(x, filter as Tensor4D);
    else {
      const pad = (kernel - 1) / 2;
      if (padded) x = tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]]); // biome-ignore format: one line
      x = tf.depthwiseConv2d(x, filter as Tensor4D, stride, padded ? 'valid' : 'same');
    }
    return normalized(x, nextScale as Tensor, nextOffset as Tensor, activations[1]);
  };
}

function inputsOf({ channels, outputs, size = [7, 6], batch = 18, kernel = 3 }: Case): Tensor[] {
  const filter = outputs ? [1, 1, channels, outputs] : [kernel, kernel, channels, 1];
  const next = [outputs ?? channels];
  // Wide enough to reach both ends of relu6.
  return [
    normal([batch, ...size, channels], 1, 3, 2),
    normal([channels], 2, 3),
    normal([channels], 3, 2),
    normal(filter, 4),
    normal(next, 5, 3),
    normal(next, 6, 2),
  ];
}

const CASES: Record<string, Case> = {
  '1×1, 8 to 16 channels': { channels: 8, outputs: 16, activations: ['relu6', 'relu6'] },
  '1×1, 16 to 8 channels': { channels: 16, outputs: 8, activations: ['relu6', 'none'] },
  '1×1, 21 to 37 channels': { channels: 21, outputs: 37, batch: 60, activations: ['relu', 'relu'] },
  '1×1, 40 to 72 channels': { channels: 40, outputs: 72, batch: 60, activations: ['relu', 'relu6'] },
  '1×1, one pixel': { channels: 5, outputs: 3, size: [1, 1], activations: ['relu', 'relu'] },
  '3×3 depthwise, 8 channels': { channels: 8, activations: ['relu6', 'relu6'] },
  '3×3 depthwise, 21 channels': { channels: 21, activations: ['relu', 'none'] },
  '3×3 depthwise, 16 channels, stride 2': { channels: 16, stride: 2, activations: ['relu6', 'relu6'] },
  '3×3 depthwise, 24 channels, stride 2, padded': {
    channels: 24,
    stride: 2,
    activations: ['relu', 'relu'],
    padded: true,
  },
  '3×3 depthwise, padded': { channels: 9, activations: ['relu', 'relu6'], padded: true },
  '5×5 depthwise, stride 2': { channels: 20, kernel: 5, stride: 2, activations: ['relu', 'relu'], padded: true },
  '7×7 depthwise': { channels: 11, kernel: 7, size: [8, 9], activations: ['none', 'none'] },
  '3×3 depthwise, larger images': { channels: 8, size: [70, 75], batch: 3, activations: ['relu6', 'relu6'] },
  '3×3 depthwise, larger images, stride 2': {
    channels: 40,
    size: [61, 50],
    batch: 2,
    stride: 2,
    activations: ['relu6', 'relu6'],
    padded: true,
  },
};

describe('convolutions between batch norms', () => {
  if (!cpuKernels) {
    it.skip('(not in use: a GPU, or REFCONV_CPU_KERNELS=0)');
    return;
  }

  for (const [name, settings] of Object.entries(CASES)) {
    it(
      `are the same compiled as operation by operation: ${name}`,
      withoutLeaks(() => expectSameCompiled(block(settings), inputsOf(settings))),
    );

    it(
      `become two operations: ${name}`,
      withoutLeaks(() => {
        const kinds = operationsOf(block(settings), inputsOf(settings));
        const kind = settings.outputs ? 'Pointwise' : 'Depthwise';
        expect(kinds).to.include.members([`RefconvFused${kind}`, `Refconv${kind}Backward`, 'RefconvFinishStatistics']);
        expect(kinds).not.to.include.members([`Refconv${kind}KernelGrad`]);
        expect(kinds).not.to.include.members([`Refconv${kind}InputGrad`]);
        if (settings.padded) for (const kind of ['Pad', 'PadV2', 'Slice']) expect(kinds).not.to.include(kind);
      }),
    );
  }

  for (const name of ['1×1, 8 to 16 channels', '3×3 depthwise, 8 channels', '5×5 depthwise, stride 2']) {
    it(
      `have the gradients of finite differences, compiled: ${name}`,
      withoutLeaks(() => {
        const settings = { ...(CASES[name] as Case), size: [4, 5], batch: 2 } as Case;
        // With few bends, at which differences are none of the gradient; without any, an offset before 1×1 would make no difference.
        const f = block({ ...settings, activations: [settings.outputs ? 'relu' : 'none', 'none'] });
        const inputs = inputsOf(settings);
        const dy = normal(tf.tidy(() => f(...inputs)).shape, 9);
        const program = compile({
          value: (...inputs: Tensor[]) => f(...inputs),
          gradients: (dy: Tensor, ...inputs: Tensor[]) => tf.grads(f)(inputs, dy),
        });
        const factors = dy.dataSync();
        const projected = (changed: Tensor[]) =>
          (program.value(...changed).dataSync() as Float32Array).reduce(
            (sum, y, i) => sum + y * (factors[i] as number),
            0,
          );
        const step = 0.004;
        program.gradients(dy, ...inputs).forEach((gradient, i) => {
          const input = inputs[i] as Tensor;
          const values = input.dataSync();
          const differences = Array.from(values, (value, at) => {
            const [up, down] = [value + step, value - step].map((moved) =>
              projected(inputs.with(i, tf.tensor(values.with(at, moved), input.shape))),
            ) as [number, number];
            return (up - down) / (2 * step);
          });
          expectClose(gradient, differences, 5e-3);
        });
        program.dispose();
      }),
    );
  }

  it(
    'keep what else is read: the normalised images, the gradient of the result, and of scale and offset',
    withoutLeaks(() => {
      const [images, scale, offset, filter, nextScale, nextOffset] = inputsOf({
        channels: 8,
        activations: ['relu', 'relu'],
      }) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
      const f: Differentiable = (...inputs) => {
        const [images, scale, offset, filter, nextScale, nextOffset] = inputs as Tensor[];
        const x = normalized(images as Tensor, scale as Tensor, offset as Tensor, 'relu');
        const y = tf.depthwiseConv2d(x, filter as Tensor4D, 1, 'same');
        const z = normalized(y, nextScale as Tensor, nextOffset as Tensor, 'relu');
        // A residual, and the convolution's result itself.
        return tf.add(tf.add(z, x), tf.mul(y, 0.1));
      };
      expectSameCompiled(f, [images, scale, offset, filter, nextScale, nextOffset]);
      // One scale for both normalisations, whose gradients are added.
      const shared: Differentiable = (images, scale, offset, filter) =>
        f(images as Tensor, scale as Tensor, offset as Tensor, filter as Tensor, scale as Tensor, offset as Tensor);
      expectSameCompiled(shared, [images, scale, offset, filter]);
      // Gradients of the images alone, and of the kernels alone.
      for (const chosen of [[0], [3], [1, 3]]) {
        const all = [images, scale, offset, filter, nextScale, nextOffset];
        const partial: Differentiable = (...some) =>
          f(...all.map((input, i) => (chosen.includes(i) ? (some[chosen.indexOf(i)] as Tensor) : input)));
        expectSameCompiled(
          partial,
          chosen.map((i) => all[i] as Tensor),
        );
      }
    }),
  );

  for (const padded of [false, true]) {
    /** Two depthwise branches of one image, each with a batch norm, which are summed before the activation. */
    const branches: Differentiable = (...inputs) => {
      const [images, scale, offset, ...both] = inputs as [Tensor4D, Tensor1D, Tensor1D, ...Tensor[]];
      const x = normalized(images, scale, offset, 'relu6');
      const shared = padded ? tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]) : x; // biome-ignore format: one line
      const branch = (kernel: Tensor, scale: Tensor, offset: Tensor) => {
        const y = tf.depthwiseConv2d(shared, kernel as Tensor4D, padded ? 2 : 1, padded ? 'valid' : 'same');
        return normalized(y, scale, offset, 'none');
      };
      const [kernel, ownScale, ownOffset, ...other] = both as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
      return tf.relu6(tf.add(branch(kernel, ownScale, ownOffset), branch(...other)));
    };
    const inputs = () => {
      const first = inputsOf({ channels: 21, activations: ['relu6', 'relu6'] });
      return [...first, normal([3, 3, 21, 1], 7), normal([21], 8, 3), normal([21], 9, 2)];
    };

    it(
      `of which several share their images are the same compiled${padded ? ', padded' : ''}`,
      withoutLeaks(() => expectSameCompiled(branches, inputs())),
    );

    it(
      `of which several share their images become two operations each, and one for the sum${padded ? ', padded' : ''}`,
      withoutLeaks(() => {
        const counts = operationCounts(branches, inputs());
        for (const kind of ['RefconvFusedDepthwise', 'RefconvDepthwiseBackward']) expect(counts[kind]).to.equal(2);
        // One of each branch: the second with the first one's result inside, and the activation.
        expect(counts.RefconvNormalize).to.equal(2);
        // Of the two gradients of the images.
        expect(counts.Add).to.equal(1);
        const fused = ['Pad', 'PadV2', 'Slice', 'Relu6', 'RefconvDepthwiseInputGrad', 'RefconvDepthwiseKernelGrad'];
        expect(Object.keys(counts)).not.to.have.any.members(fused);
      }),
    );
  }

  it(
    'leave out zeros that are put around images and cut off again',
    withoutLeaks(() => {
      const around: Differentiable = (x, scale) => {
        const y = tf.mul(x as Tensor4D, scale as Tensor1D);
        const padded = tf.pad(y, [[0, 0], [2, 1], [0, 3], [0, 0]]) as Tensor4D; // biome-ignore format: one line
        return tf.mul(tf.slice(padded, [0, 2, 0, 0], y.shape), tf.slice(padded, [0, 1, 0, 0], y.shape));
      };
      const inputs = [normal([2, 5, 6, 3], 1), normal([3], 2)];
      expectSameCompiled(around, inputs);
    }),
  );

  for (const activation of ['none', 'relu', 'relu6'] as const) {
    /** As {@link block}, by statistics that are given. */
    const evaluated: Differentiable = (...inputs) => {
      const [images, mean, variance, scale, filter] = inputs as [Tensor4D, Tensor1D, Tensor1D, Tensor1D, Tensor4D];
      const x = tf.batchNorm(images, mean, variance, mean, scale, 1e-3);
      return tf.depthwiseConv2d(activation === 'none' ? x : tf[activation](x), filter, 1, 'same');
    };
    const inputs = () => [
      ...[normal([2, 5, 6, 11], 1, 1, 2), normal([11], 2), tf.abs(normal([11], 3)), normal([11], 4)],
      normal([3, 3, 11, 1], 5),
    ];

    it(
      `are one operation with the normalisation of an evaluation: ${activation}`,
      withoutLeaks(() => {
        const program = compile({ f: (...inputs: Tensor[]) => evaluated(...inputs) });
        const given = inputs();
        expectClose(program.f(...given), evaluated(...given), 1e-5);
        const kinds = program.f.profile(...given).map(({ operation }) => operation);
        program.dispose();
        expect(kinds).to.include('RefconvFusedDepthwise');
        for (const kind of ['RefconvNormalize', 'Relu', 'Relu6', 'Reshape']) expect(kinds).not.to.include(kind);
        expectSameCompiled(evaluated, given);
      }),
    );

    it(
      `let what is no number through, as TensorFlow does: ${activation}`,
      withoutLeaks(() => {
        const program = compile({
          evaluated: (...inputs: Tensor[]) => evaluated(...inputs),
          trained: (images: Tensor, scale: Tensor) => normalized(images, scale, scale, activation),
        });
        const [images, mean, variance, scale, filter] = inputs() as [Tensor, Tensor, Tensor, Tensor, Tensor];
        const spoilt = tf.where(tf.equal(tf.range(0, 11), 4), Number.NaN, variance);
        const channels = (x: Tensor) => Array.from(tf.all(tf.isNaN(x), [0, 1, 2]).dataSync(), Boolean);
        const fifth = Array.from({ length: 11 }, (_, i) => i === 4);
        expect(channels(program.evaluated(images, mean, spoilt, scale, filter))).to.deep.equal(fifth);
        const x = tf.where(tf.equal(tf.range(0, images.size).reshape(images.shape), 4), Number.NaN, images);
        expect(channels(program.trained(x, scale))).to.deep.equal(fifth);
        program.dispose();
      }),
    );
  }
});
