/** Boxes drawn over a picture. */
import { escaped } from '../text.js';
import { classColour } from './classColours.js';
import { loadSharp } from './decode.js';

export interface BoxOnPicture {
  /** (x1, y1, x2, y2) in pixels, continuous. */
  box: readonly [number, number, number, number];
  /** Its colour's number, from 0. */
  label: number;
}

interface Pixels {
  /** `[height, width, 3]`, 0 to 255. */
  data: Uint8Array | Uint8ClampedArray | Float32Array;
  height: number;
  width: number;
}

/**
 * Frames around the boxes, in the colours of their classes, in place; the line lies within the box.
 * @example
 * ```ts
 * const picture = await readPicture(source, 0);
 * drawBoxes(picture, [{ box: [10, 10, 60, 40], label: 2 }]); // in place
 * ```
 */
export function drawBoxes({ data, height, width }: Pixels, boxes: readonly BoxOnPicture[], line = lineOf(width)): void {
  for (const { box, label } of boxes) {
    const colour = classColour(label);
    const [left, top] = [Math.max(0, Math.round(box[0])), Math.max(0, Math.round(box[1]))];
    const [right, bottom] = [Math.min(width, Math.round(box[2])), Math.min(height, Math.round(box[3]))];
    const fill = (y1: number, y2: number, x1: number, x2: number) => {
      for (let y = Math.max(top, y1); y < Math.min(bottom, y2); y++)
        for (let x = Math.max(left, x1); x < Math.min(right, x2); x++) data.set(colour, 3 * (y * width + x));
    };
    fill(top, top + line, left, right);
    fill(bottom - line, bottom, left, right);
    fill(top, bottom, left, left + line);
    fill(top, bottom, right - line, right);
  }
}

const lineOf = (width: number) => Math.max(1, Math.round(width / 200));

/** Points, and how wide a letter is at most. */
const TEXT = 12;
const LETTER = 7.4;

/**
 * A picture with frames around the boxes, and over each a caption in its colour. @returns a PNG.
 * @example
 * ```ts
 * const picture = await readPicture(source, 0);
 * const png = await pictureWithBoxes(picture, [{ box: [10, 10, 60, 40], label: 2, caption: 'car 0.93' }]);
 * ```
 */
export async function pictureWithBoxes(
  { data, height, width }: { data: Uint8Array; height: number; width: number },
  boxes: readonly (BoxOnPicture & { caption: string })[],
): Promise<Uint8Array> {
  const pixels = Uint8ClampedArray.from(data);
  drawBoxes({ data: pixels, height, width }, boxes);
  const captions = boxes.map(({ box: [x1, y1], label, caption }) => {
    const wide = Math.ceil(LETTER * caption.length + 4);
    const [left, top] = [Math.max(0, Math.min(Math.round(x1), width - wide)), Math.max(0, Math.round(y1) - TEXT - 3)];
    const colour = `rgb(${classColour(label).join()})`;
    return `<rect x="${left}" y="${top}" width="${wide}" height="${TEXT + 3}" fill="${colour}"/>
      <text x="${left + 2}" y="${top + TEXT - 1}" fill="white">${escaped(caption)}</text>`;
  });
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="monospace"
    font-size="${TEXT}" font-weight="bold">${captions.join('')}</svg>`;
  const sharp = await loadSharp();
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .composite([{ input: Buffer.from(text) }])
    .png()
    .toBuffer();
}
