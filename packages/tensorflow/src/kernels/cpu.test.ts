import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { cpuKernels, depthwise, depthwiseGradient, pointwise, pointwiseGradient } from './cpu.js';
import { attribute, operation } from './operation.js';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

describe('the CPU kernels', () => {
  if (!cpuKernels) {
    it.skip('(not in use: a GPU, or REFCONV_CPU_KERNELS=0)');
    return;
  }

  // Sizes at the edges of what is cut into parts: rows in 128 and 1024, depths in 256, columns in 8, 16, 32 and 256.
  const sizes: [rows: number, depth: number, columns: number][] = [
    [1, 1, 1],
    [7, 5, 17],
    [97, 257, 33],
    [95, 600, 16],
    [5000, 3, 40],
    [3000, 8, 16],
    [1100, 24, 24],
    [1100, 64, 72],
    [2100, 70, 530],
    [300, 530, 1030],
  ];
  for (const [rows, depth, columns] of sizes) {
    it(
      `multiply as tf.matMul does: ${rows}×${depth} by ${depth}×${columns}, and both gradients`,
      withoutLeaks(() => {
        const [x, kernel, dy] = [
          normal([rows, depth], 1),
          normal([depth, columns], 2),
          normal([rows, columns], 3),
        ] as const;
        const image = tf.reshape(x, [1, rows, 1, depth]);
        const filter = tf.reshape(kernel, [1, 1, depth, columns]);
        const slope = tf.reshape(dy, [1, rows, 1, columns]);
        const y = pointwise(image, filter);
        const gradients = pointwiseGradient(image, filter, slope);
        expect(y.shape).to.deep.equal([1, rows, 1, columns]);
        expectClose(y, tf.matMul(x, kernel), 1e-5);
        expectClose(gradients.x(), tf.matMul(dy, kernel, false, true), 1e-5);
        expectClose(gradients.filter(), tf.matMul(x, dy, true, false), 1e-5);
      }),
    );
  }

  for (const kernel of [3, 5, 7])
    for (const stride of [1, 2, 3])
      for (const channels of [1, 8, 16, 21, 40]) {
        it(
          `convolve as TensorFlow does: ${kernel}×${kernel} depthwise kernels of ${channels} channels at stride ${stride}, and both gradients`,
          withoutLeaks(() => {
            // More images than parts.
            const [x, filter] = [normal([19, 9, 10, channels], 1), normal([kernel, kernel, channels, 1], 2)];
            const size: [number, number] = [Math.ceil(9 / stride), Math.ceil(10 / stride)];
            const dy = normal([19, ...size, channels], 3);
            const info = tf.backend_util.computeConv2DInfo(
              x.shape as never,
              filter.shape as never,
              stride,
              1,
              'same',
              undefined,
              true,
            );
            const attributes = [
              attribute.typeNumber('T', 1),
              attribute.int('strides', [1, stride, stride, 1]),
              attribute.string('padding', 'SAME'),
            ];
            const stock = (op: string, ...inputs: Tensor[]) =>
              operation(`DepthwiseConv2dNative${op}`, inputs, attributes);
            const shape = (tensor: Tensor) => tf.tensor1d(tensor.shape, 'int32');
            const placement = { stride, ...info.padInfo };
            const gradients = depthwiseGradient(x, filter, dy, placement);
            expectClose(depthwise(x, filter, size, placement), stock('', x, filter), 1e-5);
            expectClose(gradients.x(), stock('BackpropInput', shape(x), filter, dy), 1e-5);
            expectClose(gradients.filter(), stock('BackpropFilter', x, shape(filter), dy), 1e-5);
          }),
        );
      }

  it('compute the same bits with any number of threads', () => {
    const script = fileURLToPath(new URL('./testingThreads.js', import.meta.url));
    const hashes = ['1', '2', '5'].map((threads) => {
      const env = { ...process.env, TF_NUM_INTRAOP_THREADS: threads };
      return execFileSync(process.execPath, [script], { env, encoding: 'utf8' });
    });
    expect(hashes[0]).to.match(/^[0-9a-f]{64}$/);
    expect(new Set(hashes).size).to.equal(1);
  });

  describe('with an activation inside the normalisation', () => {
    const block = (activation: 'relu' | 'relu6' | 'elu') => {
      const model = tf.sequential();
      model.add(tf.layers.batchNormalization({ inputShape: [6, 5, 11] }));
      model.add(tf.layers.activation({ activation }));
      return model;
    };

    for (const activation of ['relu', 'relu6', 'elu'] as const) {
      it(
        `${activation}: compiled equals eager, in value and gradients`,
        withoutLeaks(() => {
          const model = block(activation);
          const [scale, offset] = model.getWeights() as [Tensor, Tensor];
          // Wide enough to reach both ends of relu6.
          const [x, weight] = [tf.mul(normal([8, 6, 5, 11], 1), 3), normal([8, 6, 5, 11], 2)];
          model.setWeights([tf.fill(scale.shape, 4), tf.fill(offset.shape, 1), ...model.getWeights().slice(2)]);
          const run = (x: Tensor4D) =>
            tf.valueAndGrads((x: Tensor) => tf.sum(tf.mul(model.apply(x, { training: true }) as Tensor, weight)))([x]);
          const step = (x: Tensor4D) => {
            const { value, grads } = run(x);
            return [model.apply(x, { training: true }) as Tensor, value, ...grads];
          };
          const program = compile({ step });
          const eager = step(x as Tensor4D);
          const compiled = program.step(x as Tensor4D);
          compiled.forEach((tensor, i) => {
            expectClose(tensor, eager[i] as Tensor, 1e-5);
          });
          const kinds = program.step.profile(x as Tensor4D).map(({ operation }) => operation.replace('_MklNative', ''));
          expect(kinds).to.include('RefconvNormalize');
          for (const kind of ['Relu', 'ReluGrad', 'Relu6', 'Relu6Grad']) expect(kinds).not.to.include(kind);
          expect(kinds.includes('EluGrad')).to.equal(activation === 'elu');
          program.dispose();
          model.dispose();
        }),
      );
    }

    it(
      'keeps the normalised value where it is used too',
      withoutLeaks(() => {
        const model = tf.layers.batchNormalization();
        const x = tf.mul(normal([4, 3, 3, 5], 1), 3);
        const step = (x: Tensor) => {
          const y = model.apply(x, { training: true }) as Tensor;
          return tf
            .valueAndGrad((x: Tensor) => {
              const y = model.apply(x, { training: true }) as Tensor;
              return tf.sum(tf.add(tf.mul(tf.relu(y), 2), tf.square(y)));
            })(x)
            .grad.add(tf.relu6(y))
            .add(y);
        };
        const program = compile({ step });
        const expected = step(x);
        expectClose(program.step(x), expected, 1e-5);
        program.dispose();
        model.dispose();
      }),
    );
  });
});
