/** What networks have in common: predictions and speed. */
import { median, pairedRatios, type Spread } from '@refconv/analysis/statistics';
import { batches, type ImageSplit } from '@refconv/datasets';
import { compile, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { StartData } from './data.js';

export interface Agreement {
  /** Images compared. */
  images: number;
  /** On how many of them the highest logit is the same class's. */
  samePredictions: number;
  largestLogitDifference: number;
  /** The largest absolute value of a logit, to see the difference against. */
  largestLogit: number;
}

/** Images a call. */
const BATCH = 250;

type Statistics = Pick<StartData, 'mean' | 'std'>;

/** A model's logits in evaluation mode, compiled. */
const logitsOf = (model: LayersModel) =>
  compile({ logits: (images: Tensor4D) => model.apply(images, { training: false }) as Tensor2D });

/**
 * Compares the logits of two classifiers, image by image.
 * @throws Error where a logit is NaN or infinite: it is neither the same nor different.
 */
export function agreement(a: LayersModel, b: LayersModel, split: ImageSplit, statistics: Statistics): Agreement {
  const programs = [logitsOf(a), logitsOf(b)] as const;
  const result: Agreement = { images: 0, samePredictions: 0, largestLogitDifference: 0, largestLogit: 0 };
  for (const { images, size } of batches(split, { batchSize: BATCH, ...statistics, buffers: 1 })) {
    const [finite, same, difference, largest] = tf.tidy(() => {
      const x = tf.tensor4d(images, [size, split.height, split.width, split.channels]);
      const [first, second] = [programs[0].logits(x), programs[1].logits(x)];
      return [
        tf.all(tf.logicalAnd(tf.isFinite(first), tf.isFinite(second))),
        tf.sum(tf.cast(tf.equal(tf.argMax(first, 1), tf.argMax(second, 1)), 'int32')),
        tf.max(tf.abs(tf.sub(first, second))),
        tf.max(tf.abs(first)),
      ].map((tensor) => tensor.dataSync()[0] as number) as [number, number, number, number];
    });
    if (!finite) {
      for (const program of programs) program.dispose();
      throw new Error(
        'The networks cannot be compared: logits are NaN or infinite. See that their weights are finite.',
      );
    }
    result.images += size;
    result.samePredictions += same;
    result.largestLogitDifference = Math.max(result.largestLogitDifference, difference);
    result.largestLogit = Math.max(result.largestLogit, largest);
  }
  for (const program of programs) program.dispose();
  return result;
}

export interface Speed {
  rounds: number;
  batchSize: number;
  /** Median milliseconds of one compiled evaluation of a batch. */
  baseline: number;
  merged: number;
  refocused: number;
  /** Merged ÷ baseline, taken round by round: least, median, largest. */
  ratio: [least: number, median: number, largest: number];
}

/** Times the evaluation of one batch, the networks taking turns, since a machine's speed drifts. */
export function speedOf(
  models: Record<'baseline' | 'merged' | 'refocused', LayersModel>,
  { count, images, height, width, channels }: ImageSplit,
  rounds = 21,
): Speed {
  const batchSize = Math.min(BATCH, count);
  const pixels = Float32Array.from(images.subarray(0, batchSize * height * width * channels), (value) => value / 255);
  const x = tf.tensor4d(pixels, [batchSize, height, width, channels]);
  const contestants = Object.entries(models).map(([name, model]) => ({ name, program: logitsOf(model) }));
  const times: Record<string, number[]> = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  // The first round records the graphs and is not counted. Each round begins with another one.
  for (let round = -1; round < rounds; round++) {
    for (const { name, program } of contestants) {
      const begin = performance.now();
      const logits = program.logits(x);
      logits.dataSync();
      if (round >= 0) times[name]?.push(performance.now() - begin);
      logits.dispose();
    }
    contestants.push(contestants.shift() as (typeof contestants)[number]);
  }
  for (const { program } of contestants) program.dispose();
  x.dispose();
  const [baseline, merged, refocused] = ['baseline', 'merged', 'refocused'].map((name) => times[name] as number[]) as [
    number[],
    number[],
    number[],
  ];
  const ratio = pairedRatios(merged, baseline) as Spread;
  return {
    rounds,
    batchSize,
    baseline: median(baseline),
    merged: median(merged),
    refocused: median(refocused),
    ratio: [ratio.min, ratio.median, ratio.max],
  };
}
