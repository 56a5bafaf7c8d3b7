import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { checkRecipe, OFFICIAL_CODE_RECIPE, PAPER_RECIPE, type Recipe } from './recipe.js';
import { learningRateAt, scheduleOf } from './schedule.js';

describe('the learning rate', () => {
  const schedule = scheduleOf(OFFICIAL_CODE_RECIPE, 10);

  it('rises linearly from step to step, then falls as a cosine', () => {
    expect(schedule).to.include({ steps: 1050, warmUpSteps: 50 });
    const rates = [0, 1, 25, 49, 50, 300, 550, 800, 1050].map((step) => learningRateAt(step, schedule));
    const middle = (0.1 + 5e-7) / 2;
    const quarter = (0.1 - 5e-7) / 2 / Math.SQRT2;
    const step = (0.1 - 5e-7) / 50;
    [5e-7, 5e-7 + step, middle, 0.1 - step, 0.1, middle + quarter, middle, middle - quarter, 5e-7].forEach(
      (rate, i) => {
        expect(rates[i]).to.be.closeTo(rate, 1e-15);
      },
    );
  });

  it('works without a warm-up, with nothing else, and with part of an epoch of it', () => {
    const none = scheduleOf({ ...OFFICIAL_CODE_RECIPE, warmUpEpochs: 0 }, 10);
    expect(learningRateAt(0, none)).to.equal(0.1);
    const all = scheduleOf({ ...OFFICIAL_CODE_RECIPE, epochs: 5 }, 10);
    expect(learningRateAt(49, all)).to.be.below(0.1);
    expect(learningRateAt(50, all)).to.equal(0.1);
    expect(scheduleOf({ ...OFFICIAL_CODE_RECIPE, warmUpEpochs: 0.25 }, 10).warmUpSteps).to.equal(3);
  });

  it('refuses steps that the training does not have', () => {
    for (const step of [-1, 0.5, 1051, Number.NaN]) {
      expect(() => learningRateAt(step, schedule)).to.throw(RangeError, 'from 0 to 1050');
    }
  });
});

/** Made by bench/pytorch/schedules.py. */
interface Golden {
  schedule: NonNullable<Recipe['schedule']>;
  warmUpEpochs: number;
  losses?: number[];
  rates: number[];
}

describe('a schedule', () => {
  const { cases, recipe, stepsPerEpoch } = JSON.parse(
    readFileSync(new URL('../goldens/schedules.json', import.meta.url), 'utf8'),
  ) as { cases: Golden[]; recipe: Partial<Recipe>; stepsPerEpoch: number };

  for (const { schedule, warmUpEpochs, losses = [], rates } of cases) {
    it(`has timm's learning rates step by step: ${JSON.stringify({ warmUpEpochs, ...schedule })}`, () => {
      const epochs = rates.length / stepsPerEpoch;
      const whole = checkRecipe({ ...PAPER_RECIPE, ...recipe, schedule, warmUpEpochs, epochs });
      const found = scheduleOf(whole, stepsPerEpoch);
      rates.forEach((rate, step) => {
        const finished = losses.slice(0, Math.floor(step / stepsPerEpoch));
        expect(learningRateAt(step, found, finished), `step ${step}`).to.be.closeTo(rate, 1e-11);
      });
    });
  }

  it('that cannot be is refused with all that is wrong', () => {
    const wrong: [unknown, RegExp][] = [
      [
        { id: 'steps' },
        /schedule\.id must be an object such as .*one of cosine, constant, step, milestones, polynomial, one-cycle, plateau/,
      ],
      [
        { id: 'step', factor: 2 },
        /schedule\.every must be a number above 0; given undefined; schedule\.factor must be .* given 2/,
      ],
      [{ id: 'milestones', epochs: [3, 2], factor: 0.1 }, /schedule\.epochs must be rising numbers/],
      [
        { id: 'cosine', power: 2, perEpoch: 1 },
        /perEpoch must be true or false.*schedule\.power must be left out: it is unknown; there are id, perEpoch, countWarmUp; given 2/,
      ],
    ];
    for (const [schedule, message] of wrong)
      expect(() => checkRecipe({ ...PAPER_RECIPE, schedule: schedule as Recipe['schedule'] })).to.throw(
        RangeError,
        message,
      );
  });
});
