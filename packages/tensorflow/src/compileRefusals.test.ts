import type { Tensor, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, tf } from './index.js';
import { withoutLeaks } from './testing.js';

describe('compile refuses', () => {
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
      expect(error?.stack).to.match(/compileRefusals\.test/);
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
