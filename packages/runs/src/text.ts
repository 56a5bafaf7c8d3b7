/** What runs say. */
import type { Loader } from '@refconv/datasets';
import type { TrainingData } from '@refconv/training';

export const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

const countOf = (split: { count: number } | Loader) => ('count' in split ? split.count : split.source.count);

/** The images of a training. @param shape height and width that the network takes. */
export function imagesText(
  { name, train, validation, test }: TrainingData,
  [height, width]: readonly [number, number],
) {
  const counts = Object.entries({ validation, test }).flatMap(([split, each]) =>
    each ? [`${countOf(each)} ${split}`] : [],
  );
  const [last, ...others] = [`${countOf(train)} training`, ...counts].reverse();
  return `${name}: ${others.reverse().join(', ')} and ${last} images of ${height}×${width}`;
}
