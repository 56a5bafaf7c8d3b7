/** Which files are images, and which of libvips' gaps are filled here: one list for what is listed and what is decoded. */
import { openBmp } from './bmp.js';
import type { Undecoded } from './image.js';
import { openNetpbm } from './netpbm.js';

/** Endings of files that are taken for images, in small letters: torchvision's, GIF and AVIF. */
export const EXTENSIONS: readonly string[] = [
  ...['.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff', '.ppm', '.pgm', '.avif'],
];

/** The formats that libvips is mostly built without, told by their first two bytes. */
export function openPlainFormat(bytes: Uint8Array): Undecoded | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 2));
  if (start === 'BM') return openBmp(bytes);
  return /^P[1-6]$/.test(start) ? openNetpbm(bytes) : undefined;
}
