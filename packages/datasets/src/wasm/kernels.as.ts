// AssemblyScript: the two passes of Pillow's resize for 8-bit RGB (Pillow, src/libImaging/Resample.c), in WebAssembly's
// SIMD instructions, and normalisation. Weights are integers of 22 fractional bits, so the result is the same on every
// machine. Memory is laid out in image/kernels.ts, with room for the few bytes that are read and written past an end.

const HALF: i32 = 1 << 21;

/** Rows of RGB to rows of `outWidth` pixels. `spans` holds first pixel and count of each output pixel. */
export function horizontal(
  source: usize,
  stride: usize,
  rows: i32,
  spans: usize,
  weights: usize,
  taps: usize,
  outWidth: i32,
  out: usize,
): void {
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < outWidth; x++) {
      let pixel = source + 3 * <usize>load<i32>(spans + 8 * x);
      let weight = weights + 4 * taps * x;
      const end = weight + 4 * <usize>load<i32>(spans + 8 * x + 4);
      let sum = i32x4.splat(HALF);
      for (; weight < end; weight += 4, pixel += 3) {
        const rgb = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(pixel)));
        sum = i32x4.add(sum, i32x4.mul(rgb, v128.load32_splat(weight)));
      }
      const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sum, 22), sum);
      v128.store32_lane(out, i8x16.narrow_i16x8_u(words, words), 0);
      out += 3;
    }
    source += stride;
  }
}

/** Columns: `length` bytes a row, 16 at a time. */
export function vertical(
  source: usize,
  length: i32,
  spans: usize,
  weights: usize,
  taps: usize,
  outHeight: i32,
  out: usize,
): void {
  for (let y = 0; y < outHeight; y++) {
    const first = source + <usize>load<i32>(spans + 8 * y) * <usize>length;
    const begin = weights + 4 * taps * y;
    const end = begin + 4 * <usize>load<i32>(spans + 8 * y + 4);
    for (let x = 0; x < length; x += 16) {
      let a = i32x4.splat(HALF);
      let b = a;
      let c = a;
      let d = a;
      let pixel = first + x;
      for (let weight = begin; weight < end; weight += 4, pixel += length) {
        const factor = v128.load32_splat(weight);
        const bytes = v128.load(pixel);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), factor));
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), factor));
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), factor));
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), factor));
      }
      const low = i16x8.narrow_i32x4_s(i32x4.shr_s(a, 22), i32x4.shr_s(b, 22));
      const high = i16x8.narrow_i32x4_s(i32x4.shr_s(c, 22), i32x4.shr_s(d, 22));
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
