import type {
  LayersModel,
  Scalar,
  SymbolicTensor,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor4D,
  Variable,
} from '@tensorflow/tfjs';
import { expect } from 'chai';
import { applyMomentum, compile, decayedGradient, softmaxCrossEntropy, tf } from './index.js';
import { withoutLeaks } from './testing.js';

describe('applyMomentum', () => {
  for (const nesterov of [false, true]) {
    it(
      `compiled equals eager${nesterov ? ' with Nesterov' : ''}, and a read after it sees the new value`,
      withoutLeaks(() => {
        const run = (eager: boolean) => {
          const w = tf.variable(tf.tensor1d([1, -2, 3]));
          const accumulator = tf.variable(tf.zerosLike(w), false);
          const program = compile(
            {
              step: (learningRate: Scalar) => {
                const gradient = tf.mul(w, 2);
                const momentum = tf.scalar(0.9);
                applyMomentum({
                  variable: w,
                  accumulator,
                  gradient,
                  learningRate,
                  momentum,
                  weightDecay: 0.1,
                  nesterov,
                });
                return tf.mul(w, 1);
              },
            },
            { eager },
          );
          const values = [0, 1, 2].map(() => [...program.step(0.1).dataSync()]);
          values.push([...w.dataSync()], [...accumulator.dataSync()]);
          program.dispose();
          tf.dispose([w, accumulator]);
          return values;
        };
        const compiled = run(false);
        run(true).forEach((row, i) => {
          row.forEach((value, j) => {
            expect(compiled[i]?.[j]).to.be.closeTo(value, 1e-6);
          });
        });
        expect(compiled[2]).to.deep.equal(compiled[3]);
      }),
    );
  }
});

describe('decayedGradient', () => {
  it(
    'adds the decay to the gradient of its variable, and leaves a gradient alone that is read elsewhere',
    withoutLeaks(() => {
      const variable = tf.variable(tf.tensor1d([1, -2, 4]));
      for (const eager of [true, false]) {
        const program = compile(
          {
            step: (x: Tensor) => {
              const gradient = tf.mul(x, 2);
              return [decayedGradient(gradient, variable, 0.5), gradient, decayedGradient(tf.mul(x, 3), variable, 0.5)];
            },
          },
          { eager },
        );
        const found = program.step(tf.tensor1d([1, 2, 3])).map((tensor) => [...tensor.dataSync()]);
        expect(found).to.deep.equal([
          [2.5, 3, 8],
          [2, 4, 6],
          [3.5, 5, 11],
        ]);
        program.dispose();
      }
      variable.dispose();
    }),
  );

  it(
    'refuses a gradient of another shape than its variable as tf.add does, and broadcasts as that does',
    withoutLeaks(() => {
      const variable = tf.variable(tf.ones([3]));
      expect(() => decayedGradient(tf.ones([64]), variable, 0.1)).to.throw(/64/);
      const program = compile({ decayed: () => decayedGradient(tf.ones([64]), variable, 0.1) });
      expect(() => program.decayed()).to.throw(/64/);
      program.dispose();
      expect([...decayedGradient(tf.ones([2, 3]), variable, 1).dataSync()]).to.deep.equal(new Array(6).fill(2));
      variable.dispose();
    }),
  );
});

describe('a compiled training step', () => {
  const images = () => tf.randomNormal([8, 8, 8, 3], 0, 1, 'float32', 7) as Tensor4D;
  const labels = () => tf.tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32');

  /** Variables' values before and after, so that two ways of training can start each step from the same state. */
  function trainer(model: LayersModel, eager: boolean) {
    const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Variable }).val);
    const slots = weights.map((weight) => tf.variable(tf.zerosLike(weight), false));
    const program = compile(
      {
        train: (x: Tensor4D, y: Tensor1D, learningRate: Scalar) => {
          const loss = () => tf.mean(softmaxCrossEntropy(model.apply(x, { training: true }) as Tensor2D, y)) as Scalar;
          const { value, grads } = tf.variableGrads(loss, weights);
          weights.forEach((variable, i) => {
            const gradient = grads[variable.name] as Tensor;
            applyMomentum({
              variable,
              accumulator: slots[i] as Variable,
              gradient,
              learningRate,
              momentum: tf.scalar(0.9),
            });
          });
          return value;
        },
      },
      { eager },
    );
    return {
      program,
      state: [...model.weights.map((weight) => (weight as unknown as { val: Variable }).val), ...slots],
      slots,
    };
  }

  const plain = () => {
    const model = tf.sequential();
    model.add(tf.layers.conv2d({ inputShape: [8, 8, 3], filters: 6, kernelSize: 3, padding: 'same', useBias: false }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.reLU());
    model.add(tf.layers.globalAveragePooling2d({}));
    model.add(tf.layers.dense({ units: 4 }));
    return model;
  };
  const shared = () => {
    const input = tf.input({ shape: [8, 8, 3] });
    const conv = tf.layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' });
    const x = conv.apply(conv.apply(input)) as SymbolicTensor;
    const y = tf.layers.dense({ units: 4 }).apply(tf.layers.flatten().apply(x)) as SymbolicTensor;
    return tf.model({ inputs: input, outputs: y });
  };
  const nested = () => {
    const input = tf.input({ shape: [8, 8, 3] });
    const inner = tf.sequential();
    inner.add(tf.layers.depthwiseConv2d({ inputShape: [8, 8, 3], kernelSize: 3, strides: 2, padding: 'same' }));
    inner.add(tf.layers.batchNormalization());
    inner.add(tf.layers.maxPooling2d({ poolSize: 2 }));
    const x = tf.layers.flatten().apply(inner.apply(input)) as SymbolicTensor;
    return tf.model({ inputs: input, outputs: tf.layers.dense({ units: 4 }).apply(x) as SymbolicTensor });
  };

  for (const [name, build] of Object.entries({ plain, shared, nested })) {
    it(
      `of a ${name} model gives each step's loss as the eager one does from the same state`,
      withoutLeaks(() => {
        const model = build();
        const [x, y] = [images(), labels()];
        const compiled = trainer(model, false);
        const eager = trainer(model, true);
        const losses: number[] = [];
        for (let step = 0; step < 20; step++) {
          const before = compiled.state.map((variable) => variable.clone());
          const loss = compiled.program.train(x, y, 0.05).dataSync()[0] as number;
          const after = compiled.state.map((variable) => variable.clone());
          compiled.state.forEach((_, i) => {
            (eager.state[i] as Variable).assign(before[i] as never);
          });
          const expected = eager.program.train(x, y, 0.05).dataSync()[0] as number;
          expect(loss).to.be.closeTo(expected, 1e-5 * Math.max(1, expected));
          // The state after the step too, by the loss that the next step starts from.
          const next = eager.program.train(x, y, 0).dataSync()[0] as number;
          compiled.state.forEach((variable, i) => {
            variable.assign(after[i] as never);
          });
          const compiledNext = compiled.program.train(x, y, 0).dataSync()[0] as number;
          expect(compiledNext).to.be.closeTo(next, 1e-5 * Math.max(1, next));
          compiled.state.forEach((variable, i) => {
            variable.assign(after[i] as never);
          });
          tf.dispose([before, after]);
          losses.push(loss);
        }
        expect(losses[19]).to.be.lessThan(losses[0] as number);
        compiled.program.dispose();
        eager.program.dispose();
        tf.dispose([...compiled.slots, ...eager.slots, x, y]);
        model.dispose();
        // tfjs keeps the weights of a layer that a model uses twice.
        for (const variable of compiled.state) if (!variable.isDisposed) variable.dispose();
      }),
    );
  }

  it(
    'holds tensors and memory constant over 300 steps',
    withoutLeaks(() => {
      const model = plain();
      const { program, slots } = trainer(model, false);
      const [x, y] = [images(), labels()];
      const run = (steps: number) => {
        for (let i = 0; i < steps; i++) program.train(x, y, 0.01).dispose();
      };
      run(10);
      const tensors = tf.memory().numTensors;
      const resident = process.memoryUsage().rss;
      run(300);
      expect(tf.memory().numTensors).to.equal(tensors);
      expect((process.memoryUsage().rss - resident) / 2 ** 20).to.be.lessThan(16);
      program.dispose();
      tf.dispose([...slots, x, y]);
      model.dispose();
    }),
  );
});
