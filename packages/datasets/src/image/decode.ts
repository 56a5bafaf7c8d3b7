/** Bytes of a file to 8-bit RGB. */
import { rgbOfCmyk, rgbOfYcbcr } from './colour.js';
import { EXTENSIONS, openPlainFormat } from './formats.js';
import { firstPicture } from './gif.js';
import type { Rectangle, RgbImage } from './image.js';
import { jpegHeader, shortened } from './jpegHeader.js';
import { tiffHeader } from './tiffHeader.js';

/** Images of more pixels are refused where nothing else is asked for: twice what Pillow warns at, which is where it refuses. */
export const MAX_PIXELS = 178_956_970;

/**
 * Decodes a part of a JPEG with one or three components. A module that a loader is told to use (`jpegDecoder`) exports
 * `createJpegDecoder(): JpegDecoder`; each of its workers calls that once.
 */
export interface JpegDecoder {
  /**
   * @param part what is wanted; undefined: all. @returns `[height, width, 3]`, not used any more after the next call.
   * @throws if the file is damaged.
   */
  decode(bytes: Uint8Array, part: Rectangle | undefined): Uint8Array;
}

export interface DecodeOptions {
  /** Turns the image upright as its Exif tag says. torchvision does not. */
  upright: boolean;
  /** Larger images are refused before they are decoded. */
  maxPixels: number;
  /** Decodes the whole of a JPEG before a part is used: a part's edges then have the same bits as in the whole. */
  whole: boolean;
  jpeg: JpegDecoder | undefined;
}

/** The size of an image, known before its pixels are. */
export interface OpenImage {
  width: number;
  height: number;
  /** The Exif tag was not 1. */
  rotated: boolean;
  /** The format's name, and what is unusual. */
  format: string;
  /** At least the part asked for: `at` says which. */
  pixels(part: Rectangle): Promise<{ image: RgbImage; at: { left: number; top: number } }>;
}

let loading: Promise<typeof import('sharp').default> | undefined;

/** Loaded when it is needed first: with a JPEG decoder of its own, a worker may never need it. */
export function loadSharp(): NonNullable<typeof loading> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    sharp.cache(false);
    // A loader's workers are the parallelism.
    sharp.concurrency(1);
    return sharp;
  });
  return loading;
}

/**
 * Reads the header of a JPEG, PNG, WebP, GIF, TIFF, BMP, PPM or whatever else libvips knows.
 *
 * Grey images get three equal channels, CMYK and YCbCr become RGB by Pillow's formulas, 16 bits become 8, of transparency the colour
 * behind it counts, of an animation the first picture, and colour profiles are not applied (as in Pillow's `convert('RGB')`, but for
 * 16 bits, which Pillow cuts off).
 *
 * @throws if the bytes are no image that can be read, or one of more than `maxPixels`.
 */
export async function openImage(bytes: Uint8Array, options: DecodeOptions): Promise<OpenImage> {
  if (bytes.length === 0) throw new Error('the file is empty');
  const plain = openPlainFormat(bytes);
  if (plain) {
    const { width, height, format } = plain;
    checkPixels(plain, options);
    const pixels = async () => ({ image: plain.decode(), at: { left: 0, top: 0 } });
    return { width, height, rotated: false, format, pixels };
  }
  const header = jpegHeader(bytes);
  const rotated = (header?.orientation ?? 1) !== 1;
  const { jpeg } = options;
  if (
    header &&
    jpeg &&
    header.width > 0 &&
    header.height > 0 &&
    header.components < 4 &&
    // Whether one that is cut off can be read does not depend on the part that is wanted: libvips reads it all.
    header.ends &&
    !(rotated && options.upright)
  ) {
    checkPixels(header, options);
    const { width, height } = header;
    const pixels = async (part: Rectangle) => {
      try {
        const region = options.whole ? { left: 0, top: 0, width, height } : part;
        const data = options.whole
          ? jpeg.decode(bytes, undefined)
          : jpeg.decode(shortened(bytes, header, part.top + part.height), part);
        return { image: { data, width: region.width, height: region.height }, at: region };
      } catch {
        // What is broken is for libvips to say, and why.
        return (await openBySharp(bytes, options)).pixels(part);
      }
    };
    return { width, height, rotated, format: header.components === 1 ? 'jpeg, grey' : 'jpeg', pixels };
  }
  return openBySharp(bytes, options);
}

/** Words of libvips' message. */
const UNKNOWN_FORMAT = 'unsupported image format';

async function openBySharp(bytes: Uint8Array, { upright, maxPixels }: DecodeOptions): Promise<OpenImage> {
  const sharp = await loadSharp();
  const input = { limitInputPixels: maxPixels, failOn: 'truncated' as const, ignoreIcc: true, pages: 1 };
  const opened = sharp(bytes, { ...input, limitInputPixels: false });
  const { orientation = 1, ...metadata } = await opened.metadata().catch((error: Error) => {
    if (!error.message.includes(UNKNOWN_FORMAT)) throw error;
    throw new Error(`${UNKNOWN_FORMAT}; expected one of ${EXTENSIONS.join(' ')}`, { cause: error });
  });
  checkPixels(metadata, { maxPixels });
  const turned = upright && orientation > 4;
  const [width, height] = turned ? [metadata.height, metadata.width] : [metadata.width, metadata.height];
  const kinds = [
    metadata.format ?? 'unknown',
    metadata.space === 'b-w' || metadata.space === 'grey16' ? 'grey' : metadata.space === 'cmyk' ? 'cmyk' : '',
    metadata.depth === 'ushort' ? '16-bit' : '',
    (metadata.pages ?? 1) > 1 ? 'animated' : '',
  ];
  const isCmyk = metadata.space === 'cmyk';
  const pixels = async () => {
    // Of a TIFF that is cut off libvips fills in what is missing, unless errors count.
    const failOn = metadata.format === 'tiff' ? 'error' : input.failOn;
    const image = sharp(bytes, { ...input, failOn, sequentialRead: true });
    if (upright) image.rotate();
    if (isCmyk) image.pipelineColourspace('cmyk');
    const { data, info } = await image
      .removeAlpha()
      .toColourspace(isCmyk ? 'cmyk' : 'srgb')
      .raw({ depth: isCmyk ? metadata.depth : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const decoded = isCmyk
      ? { ...info, data: rgbOfCmyk(inks(data, metadata.depth)), channels: 3 as const }
      : { ...info, data };
    return { image: asPillow(bytes, rgb(decoded.data, decoded), metadata.format), at: { left: 0, top: 0 } };
  };
  return { width, height, rotated: orientation !== 1, format: kinds.filter(Boolean).join(', '), pixels };
}

/** Inks of 8 bits, where 255 is all. */
function inks(data: Uint8Array, depth: string | undefined): Uint8Array {
  const wide = depth === 'ushort' ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : undefined;
  return wide ? Uint8Array.from(wide, (value) => value >> 8) : data;
}

/** The pixels where libvips gives others than Pillow. */
function asPillow(bytes: Uint8Array, image: RgbImage, format: string | undefined): RgbImage {
  if (format === 'gif') return firstPicture(bytes) ?? image;
  const tiff = format === 'tiff' ? tiffHeader(bytes) : undefined;
  if (tiff?.photometric !== YCBCR || tiff.compression === JPEG_IN_TIFF) return image;
  const [across, down] = tiff.subsampling;
  if (across !== 1 || down !== 1)
    throw new Error(`it is a TIFF whose colours are kept for ${across} x ${down} pixels at a time, which is not read`);
  return { ...image, data: rgbOfYcbcr(image.data) };
}

const YCBCR = 6;
const JPEG_IN_TIFF = 7;

function rgb(
  data: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
): RgbImage {
  if (channels === 3) return { data, width, height };
  if (channels !== 1) throw new Error(`decoding gave ${channels} channels, expected 1 or 3`);
  const out = new Uint8Array(3 * data.length);
  for (let i = 0; i < data.length; i++) out.fill(data[i] as number, 3 * i, 3 * i + 3);
  return { data: out, width, height };
}

function checkPixels({ width, height }: { width: number; height: number }, { maxPixels }: { maxPixels: number }): void {
  if (width * height > maxPixels) {
    throw new Error(`it has ${width} x ${height} pixels, more than maxPixels ${maxPixels} allows`);
  }
}
