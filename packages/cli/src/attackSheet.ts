/** A picture of attacks: each image, what was added to it ten times as large, and what it became, with what the network takes it for. */
import type { Attacked, Target } from '@refconv/analysis';
import { type ImageSplit, type Picture, pictureSheet } from '@refconv/datasets';

export interface ShownAttack extends Attacked {
  target: Target;
  /** In 1/255. */
  eps: number;
}

const ENLARGED = 10;
/** Small images are drawn at least so wide, so that their captions can be read. */
const WIDTH = 128;

/** @returns a PNG with a row for each image, in the order of the split. */
export function attackSheet(
  attacks: readonly ShownAttack[],
  { height, width, channels }: Pick<ImageSplit, 'height' | 'width' | 'channels'>,
  classes: readonly string[],
): Promise<Uint8Array> {
  const picture = (values: Float32Array, caption: string): Picture => {
    const colour = (i: number) => values[Math.floor(i / 3) * channels + Math.min(i % 3, channels - 1)] as number;
    return { pixels: Float32Array.from({ length: 3 * height * width }, (_, i) => 255 * colour(i)), caption };
  };
  const pictures = [...attacks]
    .sort((a, b) => a.target.image - b.target.image)
    .flatMap(({ target, point, prediction, eps }) => {
      const { pixels, label, clean } = target;
      const before = classes[clean?.prediction ?? label] as string;
      const added = point.map((value, i) => 0.5 + ENLARGED * (value - (pixels[i] as number)));
      return [
        picture(pixels, clean?.prediction === label ? before : `${before}, is ${classes[label]}`),
        picture(added, `eps ${eps}, times ${ENLARGED}`),
        picture(point, classes[prediction] as string),
      ];
    });
  return pictureSheet(pictures, { height, width, columns: 3, scale: Math.max(1, Math.round(WIDTH / width)) });
}
