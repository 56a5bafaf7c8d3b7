/** Attacks on a classifier within an L∞ ball of pixels, each as a walk: a generator that yields points, and is told what the network makes of them. */

import { stream } from '@refconv/datasets';

/** What the network makes of a point. */
export interface Answer {
  /** The class with the highest logit. */
  prediction: number;
  /** log Σ exp of the other logits − the label's: grows with the cross entropy. */
  margin: number;
  /** Of the margin's gradient at each pixel: −1, 0 or 1. Valid until the next point is yielded. */
  sign: Float32Array;
}

/** Yields pixels, 0 to 1; the array may be used again for the next point. */
export type Walk<Result> = Generator<Float32Array, Result, Answer>;

/** An image to be attacked. */
export interface Target {
  /** Its index in its split. */
  image: number;
  /** [height, width, channels], 0 to 1. */
  pixels: Float32Array;
  label: number;
  /** What the network makes of the image itself, once it is known: the attacks by several eps share it. */
  clean?: Answer;
}

export const ATTACKS = ['fgsm', 'pgd', 'apgd'] as const;

export interface AttackOptions {
  /**
   * - `fgsm`: one step of eps (Goodfellow et al., 2015).
   * - `pgd`: steps along the gradient's sign, each projected on the ball (Madry et al., 2018); without a random start as TRADES measures.
   * - `apgd`: steps with momentum, halved where the loss stalls (APGD-CE of Croce and Hein, 2020), from the image itself.
   */
  attack: (typeof ATTACKS)[number];
  /** Default: 20. FGSM has one. */
  steps?: number;
  /** PGD's, in 1/255. Default: eps/4. */
  step?: number;
  /**
   * A seed: PGD and FGSM then start anywhere in the ball, in a place that follows from the seed and the image's index alone, so that all networks
   * are attacked from the same. Default: from the image.
   */
  start?: number;
  /** Goes on with images that are broken already, which decides nothing: for measurements. Default: false. */
  whole?: boolean;
}

export interface Attacked {
  /** The image, or a point that was visited, is misclassified. */
  broken: boolean;
  /** The last point, and what it is taken for. */
  point: Float32Array;
  prediction: number;
}

/**
 * @throws RangeError where a number of steps, a step or the random start is none, or not the attack's.
 * @example
 * ```ts
 * checkAttack({ attack: 'pgd', steps: 20 }); // throws where an option is none of the attack's
 * ```
 */
export function checkAttack({ attack, steps = 20, step = 1, start }: AttackOptions): void {
  if (!(Number.isInteger(steps) && steps >= 1))
    throw new RangeError(`An attack needs whole numbers of steps from 1; given ${steps}.`);
  if (!(Number.isFinite(step) && step > 0)) throw new RangeError(`A step must be above 0, in 1/255; given ${step}.`);
  if (start !== undefined && attack === 'apgd')
    throw new RangeError('APGD starts at the image: a random start is for fgsm and pgd.');
}

/**
 * Attacks an image by one eps.
 * @param eps in 1/255; 0 asks for the image alone.
 * @throws RangeError where eps or an option is none.
 * @example
 * ```ts
 * const target = targetOf(data.test, 0);
 * const walk = attack(target, 8, { attack: 'pgd', steps: 20 }); // eps 8/255, for `attacker(…).run`
 * ```
 */
export function attack(target: Target, eps: number, options: AttackOptions): Walk<Attacked> {
  checkAttack(options);
  if (!(Number.isFinite(eps) && eps >= 0)) throw new RangeError(`eps must be from 0, in 1/255; given ${eps}.`);
  return options.attack === 'apgd' ? apgd(target, eps / 255, options) : pgd(target, eps / 255, options);
}

function* atImage(target: Target): Walk<Answer> {
  if (!target.clean) {
    const { prediction, margin, sign } = yield target.pixels;
    target.clean = { prediction, margin, sign: sign.slice() };
  }
  return target.clean;
}

/** The pixels of a point moved to the nearest in the ball and in [0, 1]. */
function project(value: number, pixel: number, eps: number): number {
  return Math.max(Math.min(value, pixel + eps, 1), pixel - eps, 0);
}

function* pgd(target: Target, eps: number, options: AttackOptions): Walk<Attacked> {
  const { pixels, label } = target;
  const { attack, start, whole = false } = options;
  const [steps, step] =
    attack === 'fgsm' ? [1, eps] : [options.steps ?? 20, options.step === undefined ? eps / 4 : options.step / 255];
  let answer = yield* atImage(target);
  let broken = answer.prediction !== label;
  const point = pixels.slice();
  const goesOn = () => eps > 0 && (whole || !broken);
  if (start !== undefined && goesOn()) {
    const random = stream(start, 'attack', target.image);
    pixels.forEach((pixel, i) => {
      point[i] = project(pixel + eps * (2 * random.uniform() - 1), pixel, eps);
    });
    answer = yield point;
    broken ||= answer.prediction !== label;
  }
  for (let k = 0; k < steps && goesOn(); k++) {
    const { sign } = answer;
    for (let i = 0; i < pixels.length; i++) {
      point[i] = project((point[i] as number) + step * (sign[i] as number), pixels[i] as number, eps);
    }
    answer = yield point;
    broken ||= answer.prediction !== label;
  }
  return { broken, point, prediction: answer.prediction };
}

/** The share of a step that is new; the rest goes on as the step before went. */
const NEW = 0.75;
/** Steps of which fewer losses than this share have risen oscillate. */
const RISING = 0.75;

/** As AutoAttack's APGD-CE (github.com/fra31/auto-attack, autopgd_base.py), per image, started at the image. */
function* apgd(target: Target, eps: number, { steps = 20, whole = false }: AttackOptions): Walk<Attacked> {
  const { pixels, label } = target;
  let answer = yield* atImage(target);
  let broken = answer.prediction !== label;
  const [point, before, sign] = [pixels.slice(), pixels.slice(), answer.sign.slice()];
  const best = { margin: answer.margin, point: pixels.slice(), sign: sign.slice() };
  const atCheck = { margin: best.margin, halved: true };
  const [least, fewer] = [0.06, 0.03].map((share) => Math.max(Math.trunc(share * steps), 1)) as [number, number];
  let period = Math.max(Math.trunc(0.22 * steps), 1);
  let [step, rises, since, last] = [2 * eps, 0, 0, Number.NEGATIVE_INFINITY];
  for (let k = 0; k < steps && eps > 0 && (whole || !broken); k++) {
    for (let i = 0; i < pixels.length; i++) {
      const [pixel, at, earlier] = [pixels[i] as number, point[i] as number, before[i] as number];
      const aim = project(at + step * (sign[i] as number), pixel, eps);
      before[i] = at;
      point[i] = k === 0 ? aim : project(at + NEW * (aim - at) + (1 - NEW) * (at - earlier), pixel, eps);
    }
    answer = yield point;
    broken ||= answer.prediction !== label;
    sign.set(answer.sign);
    // The loss after the first step counts as risen: that at the start is the best's, and not one of these.
    if (answer.margin > last) rises++;
    last = answer.margin;
    if (answer.margin > best.margin) {
      best.margin = answer.margin;
      best.point.set(point);
      best.sign.set(sign);
    }
    if (++since < period) continue;
    const halved = rises <= RISING * period || (!atCheck.halved && best.margin <= atCheck.margin);
    Object.assign(atCheck, { margin: best.margin, halved });
    if (halved) {
      step /= 2;
      point.set(best.point);
      sign.set(best.sign);
    }
    period = Math.max(period - fewer, least);
    [rises, since] = [0, 0];
  }
  return { broken, point, prediction: answer.prediction };
}
