/** How many boxes a set has, of which classes and sizes, and what is wrong with some. */
import { BOX_MARKS, BOX_NUMBERS, Mark } from '../boxTargets.js';
import { type ImageSource, imageName, textAt } from '../loader/source.js';
import { counted, listed } from '../text.js';
import { type BoxLists, mostBoxes } from './boxLists.js';

export interface BoxCounts {
  count: number;
  /** Images that show none. */
  without: number;
  /** The most in an image. */
  most: number;
  classes: { name: string; boxes: number; images: number }[];
  /** By COCO's areas: below 32², below 96², and above. */
  small: number;
  medium: number;
  large: number;
  crowds: number;
  difficult: number;
  /** Boxes that cannot be used, image by image. */
  wrong: { path: string; reason: string }[];
}

export function boxCounts(source: ImageSource, lists: BoxLists): BoxCounts {
  const { classes, count } = source;
  const { starts, boxes, marks } = lists;
  const total = starts[count] as number;
  const perClass = classes.map((name) => ({ name, boxes: 0, images: new Set<number>() }));
  const found = { small: 0, medium: 0, large: 0, crowds: 0, difficult: 0, without: 0 };
  for (let image = 0; image < count; image++) {
    const [from, to] = [starts[image] as number, starts[image + 1] as number];
    if (from === to) found.without++;
    for (let k = from; k < to; k++) {
      const [label, mark] = [marks[BOX_MARKS * k] as number, marks[BOX_MARKS * k + 1] as number];
      const area = boxes[BOX_NUMBERS * k + 4] as number;
      found[area < 32 ** 2 ? 'small' : area < 96 ** 2 ? 'medium' : 'large']++;
      if (mark & Mark.crowd) found.crowds++;
      if (mark & Mark.difficult) found.difficult++;
      const own = perClass[label - 1];
      if (!own) continue;
      own.boxes++;
      own.images.add(image);
    }
  }
  return {
    ...{ count: total, most: total === 0 ? 0 : mostBoxes(lists), ...found, wrong: wrongBoxes(source) },
    classes: perClass.map(({ images, ...each }) => ({ ...each, images: images.size })),
  };
}

/**
 * Images with boxes that cannot be used, and which those are; none of a set without boxes.
 * @example
 * ```ts
 * for (const { path, reason } of wrongBoxes(source)) console.log(path, reason);
 * ```
 */
export function wrongBoxes({ place, annotations, count }: ImageSource): { path: string; reason: string }[] {
  if (annotations?.kind !== 'boxes') return [];
  return Array.from({ length: count }, (_, i) => textAt(annotations.wrong, i)).flatMap((reason, i) =>
    reason === '' ? [] : [{ path: imageName(place, i), reason }],
  );
}

/** For people. */
export function boxText(counts: BoxCounts): string[] {
  const { count, without, most, classes, small, medium, large, crowds, difficult, wrong } = counts;
  return [
    `boxes: ${count.toLocaleString('en')}, at most ${most} in an image, ${counted(without, 'image')} without; ${small} small, ${medium} medium, ` +
      `${large} large; ${crowds} crowds, ${difficult} difficult`,
    `boxes of the classes: ${listed(
      classes.map(({ name, boxes }) => `${name} ${boxes}`),
      100,
    )}`,
    `${counted(wrong.length, 'image')} with wrong boxes`,
    ...wrong.slice(0, 20).map(({ path, reason }) => `  ${path}: ${reason}`),
    ...(wrong.length > 20 ? [`  and ${wrong.length - 20} more`] : []),
  ];
}
