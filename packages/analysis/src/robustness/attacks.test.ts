import { expect } from 'chai';
import { readAttackOracle } from '../testing/attackOracle.js';
import { type Answer, type Attacked, type AttackOptions, attack, checkAttack, type Walk } from './attacks.js';

/** Two classes, linear: w[y]·x + b[y]. */
interface Linear {
  weight: number[][];
  bias: number[];
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] as number), 0);

function answerOf({ weight, bias }: Linear, point: Float32Array, label: number): Answer {
  const logits = weight.map((row, j) => dot(row, point) + (bias[j] as number));
  const margin = (logits[1 - label] as number) - (logits[label] as number);
  const [own, other] = [weight[label] as number[], weight[1 - label] as number[]];
  const sign = Float32Array.from(own, (w, i) => Math.sign((other[i] as number) - w));
  return {
    prediction: logits[1] === logits[0] ? 0 : (logits[1] as number) > (logits[0] as number) ? 1 : 0,
    margin,
    sign,
  };
}

/** Goes a walk's way; tells the points that were visited. */
function walked(model: Linear, label: number, walk: Walk<Attacked>): Attacked & { points: Float32Array[] } {
  const points: Float32Array[] = [];
  let next = walk.next();
  while (!next.done) {
    points.push(next.value.slice());
    next = walk.next(answerOf(model, next.value, label));
  }
  return { ...next.value, points };
}

const whole: Record<string, AttackOptions> = {
  fgsm: { attack: 'fgsm', whole: true },
  pgd: { attack: 'pgd', whole: true },
  apgd: { attack: 'apgd', whole: true },
};

describe('attacks on a linear model', () => {
  const linear = readAttackOracle()?.linear;
  for (const name of Object.keys(whole)) {
    it(`by ${name} lower the margin by eps · ‖w₁ − w₀‖₁, as the oracle has it`, function () {
      if (!linear) return this.skip();
      for (const { eps, margins, losses } of linear.cases) {
        linear.input.forEach((row, i) => {
          const label = linear.labels[i] as number;
          const target = { image: 0, pixels: Float32Array.from(row), label };
          const { point } = walked(linear, label, attack(target, 255 * eps, whole[name] as AttackOptions));
          const { margin } = answerOf(linear, point, label);
          // Pixels are float32.
          expect(-margin).to.be.closeTo(margins[i] as number, 2e-6);
          expect(Math.log1p(Math.exp(margin))).to.be.closeTo(losses[i] as number, 2e-6);
        });
      }
    });
  }

  const model: Linear = {
    weight: [
      [1, -1, 0],
      [0, 0, 0],
    ],
    bias: [0.02, 0],
  };

  it('stay within [0, 1] and the ball, and do not move a pixel whose gradient is 0', () => {
    for (const name of Object.keys(whole)) {
      const target = { image: 0, pixels: Float32Array.of(0.01, 0.999, 0.5), label: 0 };
      const { points } = walked(model, 0, attack(target, 8, whole[name] as AttackOptions));
      for (const point of points) {
        expect(point[2], name).to.equal(0.5);
        point.forEach((value, i) => {
          expect(value).to.be.within(0, 1);
          expect(Math.abs(value - (target.pixels[i] as number))).to.be.at.most(8 / 255 + 1e-6);
        });
      }
      const last = points.at(-1) as Float32Array;
      expect([last[0], last[1]], name).to.deep.equal([0, 1]);
    }
  });

  it('are over where the image is broken, which decides nothing; eps 0 asks for the image alone', () => {
    const target = () => ({ image: 0, pixels: Float32Array.of(0.5, 0.5, 0.5), label: 0 });
    for (const [name, options] of Object.entries(whole)) {
      const short = { ...options, whole: false };
      // The margin falls by 2/255 for each 1/255: 0.02 is gone after 2.55.
      for (const [eps, broken] of [
        [2.5, false],
        [2.6, true],
        [8, true],
      ] as const) {
        const [all, some] = [options, short].map((o) => walked(model, 0, attack(target(), eps, o)));
        expect([all?.broken, some?.broken], `${name} ${eps}`).to.deep.equal([broken, broken]);
        expect(some?.points.length).to.be.at.most(all?.points.length as number);
        expect(some?.prediction).to.equal(broken ? 1 : 0);
      }
      expect(walked(model, 0, attack(target(), 8, short)).points.length).to.be.below(name === 'fgsm' ? 3 : 5);
      expect(walked(model, 0, attack(target(), 0, options)).points).to.have.lengthOf(1);
      const wrong = walked(model, 1, attack({ ...target(), label: 1 }, 8, short));
      expect([wrong.broken, wrong.points.length], 'wrong from the beginning').to.deep.equal([true, 1]);
    }
  });

  it('may start anywhere in the ball, in a place of the seed and the image alone, and take steps of a given size', () => {
    const visited = (options: Partial<AttackOptions>, image = 3, eps = 4) => {
      const target = { image, pixels: Float32Array.of(0.5, 0.999, 0.5), label: 0 };
      return walked(model, 0, attack(target, eps, { attack: 'pgd', steps: 1, step: 1, whole: true, ...options }))
        .points;
    };
    const [clean, start, end] = visited({ start: 7 }) as [Float32Array, Float32Array, Float32Array];
    expect([...clean]).to.deep.equal([...Float32Array.of(0.5, 0.999, 0.5)]);
    for (const i of [0, 1, 2]) {
      expect(start[i]).to.not.equal(clean[i]);
      expect(Math.abs((start[i] as number) - (clean[i] as number))).to.be.at.most(4 / 255 + 1e-6);
    }
    expect((start[0] as number) - (end[0] as number)).to.be.closeTo(1 / 255, 1e-6);
    expect(end[2]).to.equal(start[2]);
    expect(visited({ start: 7, attack: 'fgsm' })[1]).to.deep.equal(start);
    const move = (points: Float32Array[]) => (points[1]?.[2] as number) - 0.5;
    expect(move(visited({ start: 7 }, 3, 8))).to.be.closeTo(2 * move([clean, start]), 1e-6);
    for (const other of [visited({ start: 8 }), visited({ start: 7 }, 4)]) expect(other[1]).to.not.deep.equal(start);
  });

  it('know the image once, whatever the number of attacks', () => {
    const target = { image: 0, pixels: Float32Array.of(0.5, 0.5, 0.5), label: 0 };
    walked(model, 0, attack(target, 1, { attack: 'pgd' }));
    const { points } = walked(model, 0, attack(target, 1, { attack: 'pgd' }));
    expect(points).to.have.lengthOf(20);
  });

  it('say what is none', () => {
    expect(() => attack({ image: 0, pixels: Float32Array.of(0), label: 0 }, -1, { attack: 'pgd' })).to.throw(
      /eps must be from 0, in 1\/255; given -1/,
    );
    expect(() => checkAttack({ attack: 'pgd', steps: 0 })).to.throw(/whole numbers of steps from 1; given 0/);
    expect(() => checkAttack({ attack: 'pgd', step: 0 })).to.throw(/step must be above 0, in 1\/255; given 0/);
    expect(() => checkAttack({ attack: 'apgd', start: 1 })).to.throw(/APGD starts at the image/);
  });
});
