/** GIFs, with the colours of transparent pixels and of what lies around a small picture, which libvips leaves out. */
import { GifReader } from 'omggif';
import type { RgbImage } from './image.js';

/**
 * The first picture, transparent pixels in the colour that the palette has for them; what lies around a smaller picture too, or else
 * in the palette's first colour, as in Pillow. Undefined where the file has something that this reader does not know.
 */
export function firstPicture(bytes: Uint8Array): RgbImage | undefined {
  let reader: GifReader;
  try {
    reader = new GifReader(bytes as Buffer);
  } catch {
    return undefined;
  }
  const { width, height } = reader;
  const { palette_offset: palette, transparent_index: transparent } = reader.frameInfo(0);
  const behind = palette === null ? undefined : palette + 3 * (transparent ?? 0);
  const rgba = new Uint8Array(4 * width * height);
  if (behind !== undefined) for (let i = 0; i < rgba.length; i += 4) rgba.set(bytes.subarray(behind, behind + 3), i);
  reader.decodeAndBlitFrameRGBA(0, rgba as Buffer);
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return { data, width, height };
}
