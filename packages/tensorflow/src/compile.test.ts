import type {
  LayersModel,
  Rank,
  Scalar,
  SymbolicTensor,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor4D,
  Variable,
} from '@tensorflow/tfjs';
import { expect } from 'chai';
import { applyMomentum, compile, softmaxCrossEntropy, tf } from './index.js';
import { expectClose, withoutLeaks } from './testing.js';

describe('compile', () => {
  it(
    'gives what the function gives, for tensors, lists, records and nothing',
    withoutLeaks(() => {
      const program = compile({
        one: (x: Tensor) => tf.square(x),
        list: (x: Tensor, y: Tensor) => [tf.add(x, y), tf.sub(x, y)],
        record: (x: Tensor) => ({ sum: tf.sum(x), nested: { whole: tf.cast(x, 'int32') } }),
        nothing: (_x: Tensor) => undefined,
      });
      const x = tf.tensor1d([1.5, -2, 3]);
      expectClose(program.one(x), [2.25, 4, 9]);
      const [sum, difference] = program.list(x, tf.scalar(1)) as [Tensor, Tensor];
      expectClose(sum, [2.5, -1, 4]);
      expectClose(difference, [0.5, -3, 2]);
      const { sum: total, nested } = program.record(x);
      expectClose(total, [2.5]);
      expect(nested.whole.dtype).to.equal('int32');
      expect([...nested.whole.dataSync()]).to.deep.equal([1, -2, 3]);
      expect(program.nothing(x)).to.equal(undefined);
      program.dispose();
    }),
  );

  it(
    'takes numbers as scalars that may change at each call',
    withoutLeaks(() => {
      const program = compile({ scale: (x: Tensor, factor: Scalar) => tf.mul(x, factor) });
      const x = tf.tensor1d([1, 2]);
      expectClose(program.scale(x, 2), [2, 4]);
      expectClose(program.scale(x, 0.5), [0.5, 1]);
      program.dispose();
    }),
  );

  it(
    'returns its own argument, a constant and a repeated tensor',
    withoutLeaks(() => {
      const program = compile({ f: (x: Tensor) => [x, x, tf.ones([100]), tf.tensor1d([true, false], 'bool')] });
      const x = tf.tensor1d([1, 2]);
      const [a, b, ones, flags] = program.f(x) as [Tensor, Tensor, Tensor, Tensor];
      expectClose(a, [1, 2]);
      expectClose(b, [1, 2]);
      expectClose(ones, new Array(100).fill(1));
      expect(flags.dtype).to.equal('bool');
      expect([...flags.dataSync()]).to.deep.equal([1, 0]);
      program.dispose();
    }),
  );

  it(
    'shares variables between functions and shapes, and with tfjs',
    withoutLeaks(() => {
      const total = tf.variable(tf.scalar(0));
      const program = compile({
        add: (x: Tensor) => {
          total.assign(tf.add(total, tf.sum(x)) as Scalar);
        },
        read: (x: Tensor) => tf.mul(x, total),
      });
      program.add(tf.tensor1d([1, 2]));
      program.add(tf.tensor1d([1, 2, 3]));
      expectClose(program.read(tf.scalar(2)), [18]);
      expectClose(total, [9]);
      expectClose(tf.add(total, 1), [10]);
      total.assign(tf.scalar(100));
      program.add(tf.tensor1d([1, 2]));
      expectClose(total, [103]);
      program.dispose();
      expectClose(total, [103]);
      total.dispose();
    }),
  );

  it(
    'keeps the value of clones that were made between calls',
    withoutLeaks(() => {
      const v = tf.variable(tf.tensor1d([1, 2]));
      const program = compile({ double: () => v.assign(tf.mul(v, 2) as Tensor1D) });
      program.double();
      const copy = v.clone();
      program.double();
      expectClose(copy, [2, 4]);
      expectClose(v, [4, 8]);
      program.dispose();
      v.dispose();
    }),
  );

  it(
    'gives the current values of many variables, read one after the other, between calls',
    withoutLeaks(() => {
      const variables = Array.from({ length: 12 }, (_, i) => tf.variable(tf.scalar(i)));
      const program = compile({
        double: () => {
          for (const v of variables) v.assign(tf.mul(v, 2) as Scalar);
        },
      });
      const values = () => variables.map((v) => v.dataSync()[0]);
      for (let factor = 2; factor <= 8; factor *= 2) {
        const clones = factor === 4 ? variables.map((v) => v.clone()) : [];
        program.double();
        expect(values()).to.deep.equal(variables.map((_, i) => factor * i));
        expect(clones.map((v) => v.dataSync()[0])).to.deep.equal(clones.map((_, i) => 2 * i));
        // Read again, and in part.
        expect(values()).to.deep.equal(variables.map((_, i) => factor * i));
        expect(values().slice(0, 6)).to.deep.equal(variables.slice(0, 6).map((_, i) => factor * i));
        tf.dispose(clones);
      }
      variables[7]?.assign(tf.scalar(100));
      expect(values()[7]).to.equal(100);
      program.double();
      expect(values()[7]).to.equal(200);
      program.dispose();
      expect(values().slice(6, 9)).to.deep.equal([96, 200, 128]);
      tf.dispose(variables);
    }),
  );

  it(
    'tells variables from each other and from a tensor with which they share data',
    withoutLeaks(() => {
      const start = tf.tensor1d([1, 2]);
      const [a, b] = [tf.variable(start), tf.variable(start)];
      const program = compile({
        step: () => {
          a.assign(tf.add(a, 1) as Tensor1D);
          return [tf.mul(b, 1), tf.mul(start, 1)];
        },
      });
      program.step();
      b.assign(tf.tensor1d([10, 20]));
      const [fromB, fromStart] = program.step() as [Tensor, Tensor];
      expectClose(a, [3, 4]);
      expectClose(fromB, [10, 20]);
      expectClose(fromStart, [1, 2]);
      program.dispose();
      tf.dispose([a, b]);
    }),
  );

  it(
    'lets two programs use the same variable in turn',
    withoutLeaks(() => {
      const v = tf.variable(tf.scalar(1));
      const first = compile({ step: () => v.assign(tf.add(v, 1) as Scalar) });
      const second = compile({ step: () => v.assign(tf.mul(v, 10) as Scalar) });
      first.step();
      second.step();
      first.step();
      expectClose(v, [21]);
      first.dispose();
      second.dispose();
      expectClose(v, [21]);
      v.dispose();
    }),
  );

  it(
    'lets an optimiser of tfjs make its slots at the first call',
    withoutLeaks(() => {
      const target = tf.tensor1d([3, 4, 5]);
      const train = (eager: boolean) => {
        const w = tf.variable(tf.ones<Rank.R1>([3]));
        const optimizer = tf.train.adam(0.1);
        const program = compile(
          {
            step: (y: Tensor) =>
              optimizer.minimize(() => tf.sum(tf.square(tf.sub(w, y))) as Scalar, true, [w]) as Tensor,
          },
          { eager },
        );
        const losses = [0, 1, 2, 3].map(() => program.step(target).dataSync()[0] as number);
        program.dispose();
        w.dispose();
        optimizer.dispose();
        return losses;
      };
      expect(train(false)).to.deep.equal(train(true));
    }),
  );

  it(
    'runs in another thread while JavaScript goes on',
    withoutLeaks(async () => {
      const program = compile({ f: (x: Tensor2D) => tf.matMul(x, tf.matMul(x, x)) });
      const x = tf.eye(600) as Tensor2D;
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      const running = program.f.async(x);
      expect(() => program.f(x)).to.throw('await that first');
      const y = await running;
      await new Promise((resolve) => setTimeout(resolve, 5));
      clearInterval(timer);
      expect(ticks).to.be.greaterThan(0);
      expectClose(tf.sum(y), [600]);
      tf.dispose([x, y]);
      program.dispose();
    }),
  );

  it(
    'tells where the time of a call goes',
    withoutLeaks(() => {
      const program = compile({ f: (x: Tensor2D) => tf.matMul(x, x) });
      const kinds = program.f.profile(tf.ones([64, 64])).map(({ operation }) => operation);
      expect(kinds.some((kind) => kind.includes('MatMul'))).to.equal(true);
      program.dispose();
    }),
  );

  describe('refuses', () => {
    const refusal = (body: (x: Tensor) => Tensor | undefined, message: RegExp, input: Tensor = tf.ones([4])) => {
      const program = compile({ body });
      expect(() => program.body(input)).to.throw(message);
      program.dispose();
    };

    it(
      'randomness in JavaScript, at the line where it enters',
      withoutLeaks(() => {
        const program = compile({ noise: (x: Tensor) => tf.add(x, tf.randomUniform([4])) });
        let error: Error | undefined;
        try {
          program.noise(tf.ones([4]));
        } catch (caught) {
          error = caught as Error;
        }
        expect(error?.message).to.match(/Two recordings of the function differ/);
        expect(error?.stack).to.match(/compile\.test/);
        program.dispose();
      }),
    );

    it(
      'a recording that is shorter than the one before',
      withoutLeaks(() => {
        let calls = 0;
        refusal((x) => (calls++ === 0 ? tf.square(tf.square(x)) : tf.square(x)), /there is now nothing more/);
      }),
    );

    it(
      'dropout that draws in JavaScript',
      withoutLeaks(() => refusal((x) => tf.dropout(x, 0.5), /Two recordings of the function differ/)),
    );

    it(
      "reading a tensor's value",
      withoutLeaks(() => {
        refusal((x) => tf.mul(x, x.dataSync()[0] as number), /while the function is being recorded/);
        refusal((x) => {
          x.print();
          return undefined;
        }, /while the function is being recorded/);
      }),
    );

    it(
      'shapes that depend on values',
      withoutLeaks(() =>
        refusal(
          (x) => tf.engine().runKernel('Where', { condition: x } as never) as Tensor,
          /depends on values|not registered/,
        ),
      ),
    );

    it(
      'tensors that outlive the recording, arguments that are none, and a call after dispose',
      withoutLeaks(() => {
        let leaked: Tensor | undefined;
        const program = compile({
          f: (x: Tensor) => {
            leaked = tf.keep(tf.square(x));
            return leaked;
          },
        });
        program.f(tf.ones([2]));
        expect(() => (leaked as Tensor).dataSync()).to.throw('after the recording ended');
        expect(() => tf.add(leaked as Tensor, 1)).to.throw('after the recording ended');
        expect(() => program.f('x' as never)).to.throw('Argument 1 of the compiled function f is a string');
        program.dispose();
        expect(() => program.f(tf.ones([2]))).to.throw('was disposed');
        tf.dispose(leaked as Tensor);
      }, 1),
    );

    it(
      'variables that are made at every call',
      withoutLeaks(() => {
        const made: Variable[] = [];
        const program = compile({
          f: (x: Tensor) => {
            made.push(tf.variable(tf.zerosLike(x)));
            return tf.add(x, made[made.length - 1] as Tensor);
          },
        });
        expect(() => program.f(tf.ones([2]))).to.throw('makes new variables at every call');
        program.dispose();
        tf.dispose(made);
      }),
    );

    it('a function called dispose', () => {
      expect(() => compile({ dispose: (x: Tensor) => x })).to.throw("cannot be called 'dispose'");
    });
  });

  it(
    'leaves variables as they were when a recording fails',
    withoutLeaks(() => {
      const v = tf.variable(tf.scalar(5));
      const program = compile({
        f: (x: Tensor) => {
          v.assign(tf.sum(x) as Scalar);
          throw new Error('on purpose');
        },
      });
      expect(() => program.f(tf.ones([3]))).to.throw('on purpose');
      expectClose(v, [5]);
      expectClose(tf.add(v, 1), [6]);
      program.dispose();
      v.dispose();
    }),
  );
});

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
                applyMomentum({ variable: w, accumulator, gradient, learningRate, momentum: tf.scalar(0.9), nesterov });
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
