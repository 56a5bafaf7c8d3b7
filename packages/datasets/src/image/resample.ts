/** Antialiased resize, bit-equal to Pillow's, and so to torchvision's on a PIL image. */
import type { Rectangle, RgbImage } from './image.js';
import { kernels, Layout } from './kernels.js';

/**
 * `bilinear` and `bicubic` are Pillow's, with antialiasing. `opencv` is bilinear without, as OpenCV's INTER_LINEAR; it rounds
 * otherwise than OpenCV, by at most one grey level.
 */
export const INTERPOLATIONS = ['bilinear', 'bicubic', 'opencv'] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

/** Pillow's filters (src/libImaging/Resample.c): how far they reach, and their values. */
const FILTERS = {
  bilinear: { support: 1, value: (x: number) => Math.max(0, 1 - x) },
  /** Keys' cubic convolution with a = -0.5. */
  bicubic: {
    support: 2,
    value: (x: number) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0),
  },
};

/** Output pixels from `first` on, `count` of them, of a line of `from` pixels resized to `to`. */
interface Line {
  from: number;
  to: number;
  first: number;
  count: number;
  interpolation: Interpolation;
}

/**
 * For every output pixel the first source pixel and how many (`spans`), and `pairs` pairs of weights in units of 2^-22, the last
 * of them 0 where there are fewer: of each pair the upper bits (weight >> 11) as two 16-bit numbers, then the lower ones.
 */
interface Weights {
  spans: Int32Array;
  values: Int16Array;
  pairs: number;
}

const CACHED = 256;

const cache = new Map<string, Weights>();

/**
 * The filter, made wider by `max(1, from / to)` against aliasing, normalised and rounded as in Pillow
 * (src/libImaging/Resample.c, precompute_coeffs and normalize_coeffs_8bpc).
 */
function weightsOf({ from, to, first, count, interpolation }: Line): Weights {
  const key = `${from} ${to} ${first} ${count} ${interpolation}`;
  const known = cache.get(key);
  if (known) return known;
  const scale = from / to;
  const filter = FILTERS[interpolation === 'opencv' ? 'bilinear' : interpolation];
  const widening = interpolation === 'opencv' ? 1 : Math.max(1, scale);
  const support = filter.support * widening;
  const pairs = Math.ceil(support) + 1;
  const weights = { spans: new Int32Array(2 * count), values: new Int16Array(4 * pairs * count), pairs };
  const line = new Float64Array(2 * pairs);
  for (let i = 0; i < count; i++) {
    const center = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const length = Math.min(from, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < length; k++) {
      line[k] = filter.value(Math.abs((k + start - center + 0.5) * (1 / widening)));
      sum += line[k] as number;
    }
    weights.spans[2 * i] = start;
    weights.spans[2 * i + 1] = length;
    for (let k = 0; k < length; k++) {
      const weight = ((line[k] as number) / sum) * 2 ** 22;
      const rounded = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
      const at = 4 * (i * pairs + (k >> 1)) + (k & 1);
      weights.values[at] = rounded >> 11;
      weights.values[at + 2] = rounded & 2047;
    }
  }
  if (cache.size >= CACHED) cache.clear();
  cache.set(key, weights);
  return weights;
}

/** What part of the source the window `window` of the image, resized to `width` x `height`, is made from. */
export function sourceOf(source: { width: number; height: number }, resize: Resize): Rectangle {
  const { width, height, window, interpolation } = resize;
  const reach = ({ spans }: Weights) => {
    const first = spans[0] as number;
    return [first, (spans.at(-2) as number) + (spans.at(-1) as number) - first] as const;
  };
  const [left, columns] = reach(
    weightsOf({ from: source.width, to: width, first: window.left, count: window.width, interpolation }),
  );
  const [top, rows] = reach(
    weightsOf({ from: source.height, to: height, first: window.top, count: window.height, interpolation }),
  );
  return { left, top, width: columns, height: rows };
}

export interface Resize {
  /** The size that the whole source would be given. */
  width: number;
  height: number;
  /** The part of the result that is wanted. */
  window: Rectangle;
  interpolation: Interpolation;
  /** Left and right are exchanged in the window. Default: false. */
  mirror?: boolean;
}

/**
 * The window of the resized source, `[window.height, window.width, 3]`; valid until the next call.
 *
 * @param size of the whole source.
 * @param part the pixels of the rectangle `at` of it: at least {@link sourceOf}.
 */
export function resample(
  size: { width: number; height: number },
  part: RgbImage,
  at: { left: number; top: number },
  { width, height, window, interpolation, mirror = false }: Resize,
): Uint8Array {
  const wasm = kernels();
  const forwards = weightsOf({ from: size.width, to: width, first: window.left, count: window.width, interpolation });
  const across = mirror ? mirrored(forwards) : forwards;
  const down = weightsOf({ from: size.height, to: height, first: window.top, count: window.height, interpolation });
  // Only the rows that the second pass reads go through the first.
  const firstRow = down.spans[0] as number;
  const rows = (down.spans.at(-2) as number) + (down.spans.at(-1) as number) - firstRow;
  const line = 3 * window.width;
  const stride = 3 * part.width;
  const used = part.data.subarray((firstRow - at.top) * stride, (firstRow - at.top + rows) * stride);

  const layout = new Layout();
  // The kernels read and write rows by fours, and a row has room for a byte past its end.
  const source = layout.take(used.length + 4 * stride);
  const lineStride = Math.ceil((line + 1) / 16) * 16;
  const middle = layout.take((rows + 4) * lineStride);
  const result = layout.take(window.height * line);
  const [acrossSpans, acrossValues, downSpans, downValues] = [
    layout.take(across.spans.byteLength),
    layout.take(across.values.byteLength),
    layout.take(down.spans.byteLength),
    layout.take(down.values.byteLength),
  ];
  layout.reserve(wasm.memory);
  const bytes = new Uint8Array(wasm.memory.buffer);
  const words = new Int32Array(wasm.memory.buffer);
  const halves = new Int16Array(wasm.memory.buffer);
  bytes.set(used, source);
  words.set(shifted(across.spans, at.left), acrossSpans / 4);
  halves.set(across.values, acrossValues / 2);
  words.set(shifted(down.spans, firstRow), downSpans / 4);
  halves.set(down.values, downValues / 2);

  let [columns, columnStride] = [source, stride];
  // Pillow leaves out a pass that would change nothing; its weights would give the same, but not as fast.
  const unchanged = !mirror && width === size.width && part.width === window.width && at.left === window.left;
  if (!unchanged) {
    wasm.horizontal(
      ...[source, stride, rows, acrossSpans, acrossValues, across.pairs, window.width, middle, lineStride],
    );
    [columns, columnStride] = [middle, lineStride];
  }
  wasm.vertical(columns, columnStride, line, downSpans, downValues, down.pairs, window.height, result);
  return bytes.subarray(result, result + window.height * line);
}

/** Of the same line from its other end. */
function mirrored({ spans, values, pairs }: Weights): Weights {
  const count = spans.length / 2;
  const turned = { spans: new Int32Array(spans.length), values: new Int16Array(values.length), pairs };
  for (let i = 0; i < count; i++) {
    const from = count - 1 - i;
    turned.spans.set(spans.subarray(2 * from, 2 * from + 2), 2 * i);
    turned.values.set(values.subarray(4 * pairs * from, 4 * pairs * (from + 1)), 4 * pairs * i);
  }
  return turned;
}

function shifted(spans: Int32Array, by: number): Int32Array {
  return by === 0 ? spans : spans.map((value, i) => (i % 2 === 0 ? value - by : value));
}
