/** Boxes drawn over a picture. */
import { classColour } from './classColours.js';

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

/** Frames around the boxes, in the colours of their classes, in place; the line lies within the box. */
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
