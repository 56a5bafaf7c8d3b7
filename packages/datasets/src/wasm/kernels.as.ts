// AssemblyScript: the two passes of Pillow's resize for 8-bit RGB (Pillow, src/libImaging/Resample.c), in WebAssembly's
// SIMD instructions, and normalisation. Weights are integers of 22 fractional bits, so the result is the same on every
// machine. The instruction for products of pairs takes 16 bits: a weight is split into its upper bits, as a multiple of 2048,
// and its lower 11 bits, and the two sums are added in the end. Memory is laid out in image/kernels.ts, with room for the
// few bytes and rows that are read and written past an end.

const HALF: i32 = 1 << 21;

/** The bytes r g b R G B of two neighbours as 16-bit numbers r R g G b B 0 0. */
// biome-ignore format: the lanes
const PAIRS: v128 = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);

// @ts-expect-error: decorator
function sumOf(upper: v128, lower: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.add(i32x4.shl(upper, 11), lower), i32x4.splat(HALF)), 22);
}

/**
 * Rows of RGB to rows of `outWidth` pixels, four rows at a time. `spans` holds first pixel and count of each output pixel,
 * `weights` for each `pairs` pairs: the upper bits of two weights, then the lower bits.
 */
export function horizontal(
  source: usize,
  stride: usize,
  rows: i32,
  spans: usize,
  weights: usize,
  pairs: usize,
  outWidth: i32,
  out: usize,
  outStride: usize,
): void {
  for (let row = 0; row < rows; row += 4) {
    for (let x = 0; x < outWidth; x++) {
      let pixel = source + 3 * <usize>load<i32>(spans + 8 * x);
      let weight = weights + 8 * pairs * x;
      const end = weight + 8 * <usize>((load<i32>(spans + 8 * x + 4) + 1) >> 1);
      let a = i32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      let e = a;
      let f = a;
      let g = a;
      let h = a;
      for (; weight < end; weight += 8, pixel += 6) {
        const upper = v128.load32_splat(weight);
        const lower = v128.load32_splat(weight + 4);
        const p = i8x16.swizzle(v128.load64_zero(pixel), PAIRS);
        a = i32x4.add(a, i32x4.dot_i16x8_s(p, upper));
        b = i32x4.add(b, i32x4.dot_i16x8_s(p, lower));
        const q = i8x16.swizzle(v128.load64_zero(pixel + stride), PAIRS);
        c = i32x4.add(c, i32x4.dot_i16x8_s(q, upper));
        d = i32x4.add(d, i32x4.dot_i16x8_s(q, lower));
        const r = i8x16.swizzle(v128.load64_zero(pixel + 2 * stride), PAIRS);
        e = i32x4.add(e, i32x4.dot_i16x8_s(r, upper));
        f = i32x4.add(f, i32x4.dot_i16x8_s(r, lower));
        const s = i8x16.swizzle(v128.load64_zero(pixel + 3 * stride), PAIRS);
        g = i32x4.add(g, i32x4.dot_i16x8_s(s, upper));
        h = i32x4.add(h, i32x4.dot_i16x8_s(s, lower));
      }
      const bytes = i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_s(sumOf(a, b), sumOf(c, d)),
        i16x8.narrow_i32x4_s(sumOf(e, f), sumOf(g, h)),
      );
      const to = out + 3 * x;
      v128.store32_lane(to, bytes, 0);
      v128.store32_lane(to + outStride, bytes, 1);
      v128.store32_lane(to + 2 * outStride, bytes, 2);
      v128.store32_lane(to + 3 * outStride, bytes, 3);
    }
    source += 4 * stride;
    out += 4 * outStride;
  }
}

/** Columns of rows of `length` bytes, 16 at a time. */
export function vertical(
  source: usize,
  stride: usize,
  length: i32,
  spans: usize,
  weights: usize,
  pairs: usize,
  outHeight: i32,
  out: usize,
): void {
  for (let y = 0; y < outHeight; y++) {
    const first = source + <usize>load<i32>(spans + 8 * y) * stride;
    const begin = weights + 8 * pairs * y;
    const end = begin + 8 * <usize>((load<i32>(spans + 8 * y + 4) + 1) >> 1);
    for (let x = 0; x < length; x += 16) {
      let a = i32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      let e = a;
      let f = a;
      let g = a;
      let h = a;
      let pixel = first + x;
      for (let weight = begin; weight < end; weight += 8, pixel += 2 * stride) {
        const upper = v128.load32_splat(weight);
        const lower = v128.load32_splat(weight + 4);
        const above = v128.load(pixel);
        const below = v128.load(pixel + stride);
        // biome-ignore format: the lanes
        const left = i8x16.shuffle(above, below, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        // biome-ignore format: the lanes
        const right = i8x16.shuffle(above, below, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const p = i16x8.extend_low_i8x16_u(left);
        a = i32x4.add(a, i32x4.dot_i16x8_s(p, upper));
        b = i32x4.add(b, i32x4.dot_i16x8_s(p, lower));
        const q = i16x8.extend_high_i8x16_u(left);
        c = i32x4.add(c, i32x4.dot_i16x8_s(q, upper));
        d = i32x4.add(d, i32x4.dot_i16x8_s(q, lower));
        const r = i16x8.extend_low_i8x16_u(right);
        e = i32x4.add(e, i32x4.dot_i16x8_s(r, upper));
        f = i32x4.add(f, i32x4.dot_i16x8_s(r, lower));
        const s = i16x8.extend_high_i8x16_u(right);
        g = i32x4.add(g, i32x4.dot_i16x8_s(s, upper));
        h = i32x4.add(h, i32x4.dot_i16x8_s(s, lower));
      }
      const low = i16x8.narrow_i32x4_s(sumOf(a, b), sumOf(c, d));
      const high = i16x8.narrow_i32x4_s(sumOf(e, f), sumOf(g, h));
      v128.store(out + x, i8x16.narrow_i16x8_u(low, high));
    }
    out += length;
  }
}

/** Floats through a table of 256 values for each place in a pixel; `first` and `last` are the bytes of places 0 and 2. */
export function normalise(source: usize, pixels: i32, first: usize, last: usize, table: usize, out: usize): void {
  const end = source + 3 * <usize>pixels;
  for (; source < end; source += 3, out += 12) {
    store<f32>(out, load<f32>(table + 4 * <usize>load<u8>(source + first)));
    store<f32>(out + 4, load<f32>(table + 1024 + 4 * <usize>load<u8>(source + 1)));
    store<f32>(out + 8, load<f32>(table + 2048 + 4 * <usize>load<u8>(source + last)));
  }
}
