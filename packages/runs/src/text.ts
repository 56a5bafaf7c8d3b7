/** What runs say. */
import type { TrainingData } from '@refconv/training';

export const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

/** The same of what there may be none of. */
export const share = (value: number | null | undefined) => (typeof value === 'number' ? percent(value) : 'none');

/** The images of a training. @param shape height and width that the network takes. */
export function imagesText(
  { name, train, validation, test }: TrainingData,
  [height, width]: readonly [number, number],
) {
  const counts = Object.entries({ validation, test }).flatMap(([split, each]) =>
    each ? [`${each.count} ${split}`] : [],
  );
  const [last, ...others] = [`${train.count} training`, ...counts].reverse();
  return `${name}: ${others.reverse().join(', ')} and ${last} images of ${height}×${width}`;
}
