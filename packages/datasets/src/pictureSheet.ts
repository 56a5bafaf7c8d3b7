/** Small pictures in rows and columns, each with a line of text under it. */
import { loadSharp } from './image/decode.js';
import { escaped } from './text.js';

export interface Picture {
  /** `[height, width, 3]`, RGB, 0 to 255; what lies beyond is cut off. */
  pixels: ArrayLike<number>;
  caption: string;
}

export interface PictureSheetOptions {
  height: number;
  width: number;
  columns: number;
  /** Each pixel becomes a square of so many. Default: 1. */
  scale?: number;
}

const GAP = 4;
const CAPTION = 16;
const LETTER = 7;

/**
 * Draws pictures of one size, row by row. Captions are cut off where the next picture begins. @returns a PNG.
 * @example
 * ```ts
 * const pixels = new Uint8Array(8 * 8 * 3);
 * const png = await pictureSheet([{ pixels, caption: 'black' }], { height: 8, width: 8, columns: 1, scale: 4 });
 * ```
 */
export async function pictureSheet(pictures: readonly Picture[], options: PictureSheetOptions): Promise<Uint8Array> {
  const { columns, scale = 1 } = options;
  const [height, width] = [scale * options.height, scale * options.width];
  const [cellWidth, cellHeight] = [width + GAP, height + GAP + CAPTION];
  const sheet = { width: columns * cellWidth + GAP, height: Math.ceil(pictures.length / columns) * cellHeight + GAP };
  const canvas = Buffer.alloc(sheet.width * sheet.height * 3, 255);
  const captions = pictures.map(({ pixels, caption }, i) => {
    const [left, top] = [GAP + (i % columns) * cellWidth, GAP + Math.floor(i / columns) * cellHeight];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = 3 * (Math.floor(y / scale) * options.width + Math.floor(x / scale));
        for (let c = 0; c < 3; c++) {
          const value = Math.round(pixels[from + c] as number);
          canvas[((top + y) * sheet.width + left + x) * 3 + c] = Math.max(0, Math.min(255, value));
        }
      }
    }
    const text = escaped(caption.slice(0, Math.max(3, Math.floor(width / LETTER))));
    return `<text x="${left}" y="${top + height + 12}">${text}</text>`;
  });
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${sheet.width}" height="${sheet.height}"
    font-family="monospace" font-size="11">${captions.join('')}</svg>`;
  const sharp = await loadSharp();
  return sharp(canvas, { raw: { ...sheet, channels: 3 } })
    .composite([{ input: Buffer.from(text) }])
    .png()
    .toBuffer();
}
