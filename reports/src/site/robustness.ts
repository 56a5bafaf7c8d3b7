/** What networks withstand, as figures: each arm's curve, and what RefConv is ahead of the others, image by image. */
import { type ImageRobustness, pairedDifferences } from '@refconv/analysis/robustness/curve';
import { mean, meanInterval } from '@refconv/analysis/statistics';
import { type EpsRow, epsChart } from '../charts/robustness.js';
import type { NetworkAnalysis } from './analyses.js';
import type { Figure } from './figure.js';

const percent = (image: ImageRobustness, eps: number) => (image.smallest > eps ? 100 : 0);

/** The mean over images and its interval at each eps; what an image counts is its mean over the seeds. */
function curveOf(curve: string, eps: readonly number[], ofSeeds: (level: number) => number[][]): EpsRow[] {
  return eps.map((level) => {
    const seeds = ofSeeds(level);
    const [first = []] = seeds;
    const {
      n,
      mean: value,
      low,
      high,
    } = meanInterval(first.map((_, i) => mean(seeds.map((values) => values[i] as number)))) ?? {
      n: 0,
      mean: Number.NaN,
    };
    return { curve, eps: level, value, ...(low !== undefined && { low, high }), images: n };
  });
}

/** @param analyses of one network: its arms and seeds. */
export function robustnessFigures(network: string, analyses: readonly NetworkAnalysis[]): Figure[] {
  const found = analyses.filter(({ attacked }) => attacked && attacked.images.length > 0);
  if (found.length === 0) return [];
  const { eps } = (found[0] as NetworkAnalysis).attacked as NonNullable<NetworkAnalysis['attacked']>;
  const seedsOf = (arm: string) =>
    new Map(found.filter(({ of }) => of === arm).map(({ seed, attacked }) => [seed, attacked?.images ?? []]));
  const arms = [...new Set(found.map(({ of = '' }) => of))];
  const accuracy = arms.flatMap((arm) =>
    curveOf(arm, eps, (level) =>
      [...seedsOf(arm).values()].map((images) => images.map((image) => percent(image, level))),
    ),
  );
  const refconv = seedsOf('refconv');
  const ahead = arms
    .filter((arm) => arm !== 'refconv')
    .flatMap((arm) => {
      const pairs = [...seedsOf(arm)].flatMap(([seed, images]) => {
        const own = refconv.get(seed);
        return own ? [[own, images] as const] : [];
      });
      if (pairs.length === 0) return [];
      return curveOf(`refconv − ${arm}`, eps, (level) =>
        pairs.map(([own, other]) => pairedDifferences(own, other, (image) => percent(image, level))),
      );
    });
  const seeds = [...new Set(found.map(({ seed }) => seed))].join(', ');
  const about = `Bands are 95 % confidence intervals over the images, for these networks (seeds ${seeds}; an image counts with its mean over them): what other trainings would give, the claims’ intervals over seeds tell.`;
  const figure = (name: string, title: string, rows: EpsRow[], chart: Figure['chart'], caption: string): Figure => ({
    ...{ name: `${name}-${network}`, title: `${title} of ${network}`, chart, rows },
    caption: `${network}: ${caption} ${about}`,
  });
  const curves = figure(
    'robustness',
    'Accuracy under attack',
    accuracy,
    epsChart(accuracy, 'accuracy under attack, %'),
    'accuracy on test images of which each pixel may change by eps; at 0 it is the accuracy on the images themselves. A network that knows little looks robust: compare the falls too.',
  );
  if (ahead.length === 0) return [curves];
  const differences = figure(
    'robustness-paired',
    'Differences of accuracy under attack',
    ahead,
    epsChart(ahead, 'difference of accuracy, points', { zero: true }),
    'what RefConv is ahead, on the same images.',
  );
  return [curves, differences];
}
