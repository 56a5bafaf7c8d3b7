/** One image of a source as it is, and a picture as a file. */
import { type ImageSource, Reader } from '../loader/source.js';
import { loadSharp, MAX_PIXELS, openImage } from './decode.js';
import type { RgbImage } from './image.js';

/**
 * The image with this index, whole and not resized. @throws Error where it cannot be read.
 * @example
 * ```ts
 * const { data: pixels, width, height } = await readPicture(source, 0);
 * ```
 */
export async function readPicture(source: ImageSource, index: number, maxPixels = MAX_PIXELS): Promise<RgbImage> {
  const reader = new Reader(source.place, 2 ** 28);
  try {
    const read = reader.read(index);
    if (!(read instanceof Uint8Array)) return read.image;
    const { width, height, pixels } = await openImage(read, {
      ...{ upright: false, whole: true, jpeg: undefined, maxPixels },
    });
    return (await pixels({ left: 0, top: 0, width, height })).image;
  } finally {
    reader.close();
  }
}

/**
 * A PNG of `[height, width, 3]`.
 * @example
 * ```ts
 * const png = encodePicture(await readPicture(source, 0));
 * ```
 */
export const encodePicture = async ({
  data,
  width,
  height,
}: RgbImage | { data: Uint8ClampedArray; width: number; height: number }): Promise<Uint8Array> =>
  (await loadSharp())(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
