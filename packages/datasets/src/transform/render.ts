/** One image, from the bytes of its file to its place in a batch. */
import { type DecodeOptions, type OpenImage, openImage } from '../image/decode.js';
import type { RgbImage } from '../image/image.js';
import { resample, sourceOf } from '../image/resample.js';
import type { Random } from '../random.js';
import type { Corners } from './boxViews.js';
import { type Placement, placeImage } from './geometry.js';
import { changesPixels, type Transform } from './parse.js';
import { changePixels, isMirrored } from './pixels.js';
import { erase, Normaliser } from './tensor.js';

/** An image that is not decoded any more: one of a set in memory. */
export interface RawImage {
  image: RgbImage;
}

/** Where an image went. */
export interface Placed {
  placement: Placement;
  /** Left and right of the result are exchanged. */
  mirrored: boolean;
  /** The size of the image as it was. */
  source: { width: number; height: number };
}

/** Applies a transform to one image after the other. */
export class Renderer {
  private readonly normaliser: Normaliser;
  private readonly erasing;
  /** A flip that comes first costs nothing: the resize does it. */
  private readonly flip;
  private readonly changes;

  constructor(
    private readonly transform: Transform,
    private readonly options: DecodeOptions,
  ) {
    this.normaliser = new Normaliser(transform);
    const [first, ...others] = transform.steps.filter(changesPixels);
    this.flip = first?.name === 'flip' ? first : undefined;
    this.changes = this.flip || !first ? others : [first, ...others];
    this.erasing = transform.steps.find(({ name }) => name === 'randomErasing');
  }

  /**
   * @param out takes `[height, width, 3]`.
   * @param boxes those of the image, by which some transforms choose a part of it.
   * @returns where the image went, for what belongs to it.
   * @throws {Error} if the bytes cannot be decoded, or do not give an image of the size that `out` has.
   */
  async render(
    source: Uint8Array | RawImage,
    random: Random,
    out: Float32Array,
    boxes?: readonly Corners[],
  ): Promise<Placed> {
    const { image, placed } = await this.placed(source, random, boxes);
    if (image.data.length !== out.length) {
      throw new Error(`it is ${image.width} x ${image.height}, which the transform does not change, unlike the others`);
    }
    this.normaliser.write(image, out);
    if (this.erasing) erase(out, image.width, this.erasing, random);
    return placed;
  }

  /** As {@link render}, before normalisation. Valid until the next call. */
  async pixels(source: Uint8Array | RawImage, random: Random): Promise<RgbImage> {
    return (await this.placed(source, random)).image;
  }

  private async placed(
    source: Uint8Array | RawImage,
    random: Random,
    boxes?: readonly Corners[],
  ): Promise<{ image: RgbImage; placed: Placed }> {
    const { steps } = this.transform;
    const open = source instanceof Uint8Array ? await openImage(source, this.options) : raw(source.image);
    const placement = placeImage(open, steps, random, boxes);
    const mirror = this.flip !== undefined && isMirrored(this.flip, random);
    const image = await cutOut(open, placement, mirror);
    const mirrored = changePixels(image, this.changes, random) !== mirror;
    return { image, placed: { placement, mirrored, source: { width: open.width, height: open.height } } };
  }
}

function raw(image: RgbImage): Pick<OpenImage, 'width' | 'height' | 'pixels'> {
  return { width: image.width, height: image.height, pixels: async () => ({ image, at: { left: 0, top: 0 } }) };
}

async function cutOut(
  open: Pick<OpenImage, 'pixels'>,
  { crop, resize, size, offset }: Placement,
  mirror: boolean,
): Promise<RgbImage> {
  const needed = sourceOf(crop, resize);
  const { image, at } = await open.pixels({ ...needed, left: crop.left + needed.left, top: crop.top + needed.top });
  const { window } = resize;
  const data = resample(crop, image, { left: at.left - crop.left, top: at.top - crop.top }, { ...resize, mirror });
  if (window.width === size.width && window.height === size.height) return { data, ...size };
  const left = mirror ? size.width - offset.left - window.width : offset.left;
  const padded = new Uint8Array(3 * size.width * size.height);
  for (let y = 0; y < window.height; y++) {
    const line = data.subarray(3 * y * window.width, 3 * (y + 1) * window.width);
    padded.set(line, 3 * ((offset.top + y) * size.width + left));
  }
  return { data: padded, ...size };
}
