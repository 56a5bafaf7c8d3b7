/** Changes of brightness, contrast, colour and sharpness of 8-bit RGB in place, as Pillow's ImageEnhance and ImageOps. */
import type { RgbImage } from '../image/image.js';

/** Luma of ITU-R BT.601, as Pillow's `convert('L')`. */
function grey(data: Uint8Array, i: number): number {
  return (
    (19595 * (data[i] as number) + 38470 * (data[i + 1] as number) + 7471 * (data[i + 2] as number) + 0x8000) >> 16
  );
}

function clip(value: number): number {
  return Math.max(0, Math.min(255, value));
}

/** Every value through a table of its channel, or of all. */
function lookUp({ data }: RgbImage, table: (value: number, channel: number) => number): void {
  const tables = [0, 1, 2].map((c) => Uint8Array.from({ length: 256 }, (_, v) => table(v, c)));
  const [r, g, b] = tables as [Uint8Array, Uint8Array, Uint8Array];
  for (let i = 0; i < data.length; i += 3) {
    data[i] = r[data[i] as number] as number;
    data[i + 1] = g[data[i + 1] as number] as number;
    data[i + 2] = b[data[i + 2] as number] as number;
  }
}

export function brightness(image: RgbImage, factor: number): void {
  lookUp(image, (v) => clip(v * factor));
}

/** Away from the mean of the grey image. */
export function contrast(image: RgbImage, factor: number): void {
  let sum = 0;
  for (let i = 0; i < image.data.length; i += 3) sum += grey(image.data, i);
  const mean = Math.floor(sum / (image.data.length / 3) + 0.5);
  lookUp(image, (v) => clip(mean + (v - mean) * factor));
}

export function saturation({ data }: RgbImage, factor: number): void {
  for (let i = 0; i < data.length; i += 3) {
    const l = grey(data, i);
    for (let c = i; c < i + 3; c++) data[c] = clip(l + ((data[c] as number) - l) * factor);
  }
}

/** @param turn of the colour circle, -0.5 to 0.5. */
export function hue({ data }: RgbImage, turn: number): void {
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i] as number, data[i + 1] as number, data[i + 2] as number];
    const high = Math.max(r, g, b);
    const chroma = high - Math.min(r, g, b);
    if (chroma === 0) continue;
    const sixth = high === r ? (g - b) / chroma : high === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
    const h = (((sixth / 6 + turn) % 1) + 1) % 1;
    for (const [c, n] of [5, 3, 1].entries()) {
      const k = (n + 6 * h) % 6;
      data[i + c] = Math.round(high - chroma * Math.max(0, Math.min(k, 4 - k, 1)));
    }
  }
}

/** Away from the image smoothed by (1 1 1; 1 5 1; 1 1 1) / 13; the border stays. */
export function sharpness({ data, width, height }: RgbImage, factor: number): void {
  const before = data.slice();
  const line = 3 * width;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * line + 3; i < (y + 1) * line - 3; i++) {
      let sum = 4 * (before[i] as number);
      for (let row = i - line; row <= i + line; row += line) {
        sum += (before[row - 3] as number) + (before[row] as number) + (before[row + 3] as number);
      }
      const smooth = Math.round(sum / 13);
      data[i] = clip(smooth + ((before[i] as number) - smooth) * factor);
    }
  }
}

/** Keeps so many of the highest bits. */
export function posterize(image: RgbImage, bits: number): void {
  lookUp(image, (v) => v & (255 << (8 - bits)));
}

/** Inverts what is at or above the threshold. */
export function solarize(image: RgbImage, threshold: number): void {
  lookUp(image, (v) => (v < threshold ? v : 255 - v));
}

export function autoContrast(image: RgbImage): void {
  const counts = histograms(image);
  const ends = counts.map((count) => [count.findIndex((n) => n > 0), count.findLastIndex((n) => n > 0)] as const);
  lookUp(image, (v, c) => {
    const [low, high] = ends[c] as readonly [number, number];
    return high <= low ? v : clip(((v - low) * 255) / (high - low));
  });
}

export function equalize(image: RgbImage): void {
  const tables = histograms(image).map((count) => {
    const total = count.reduce((a, b) => a + b, 0);
    const last = count.findLast((n) => n > 0) ?? 0;
    const step = Math.floor((total - last) / 255);
    let before = Math.floor(step / 2);
    return Array.from(count, (n, v) => {
      const value = step === 0 ? v : Math.floor(before / step);
      before += n;
      return clip(value);
    });
  });
  lookUp(image, (v, c) => tables[c]?.[v] as number);
}

function histograms({ data }: RgbImage): Uint32Array[] {
  const counts = [0, 1, 2].map(() => new Uint32Array(256));
  for (let i = 0; i < data.length; i++) {
    const count = counts[i % 3] as Uint32Array;
    count[data[i] as number] = (count[data[i] as number] as number) + 1;
  }
  return counts;
}
