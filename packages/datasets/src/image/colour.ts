/** Colours as Pillow's `convert('RGB')` makes them (src/libImaging/Convert.c and ConvertYCbCr.c), where libvips has ideas of its own. */

/** Of inks, 255 is all. @param inks `[pixels, 4]`: C, M, Y, K. @returns `[pixels, 3]`. */
export function rgbOfCmyk(inks: Uint8Array): Uint8Array {
  const out = new Uint8Array((inks.length / 4) * 3);
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const light = 255 - (inks[from + 3] as number);
    for (let c = 0; c < 3; c++) {
      const product = (inks[from + c] as number) * light + 128;
      out[to + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return out;
}

/** ITU-R BT.601 over 0 to 255, as JPEG has it. @param pixels `[pixels, 3]`: Y, Cb, Cr. */
export function rgbOfYcbcr(pixels: Uint8Array): Uint8Array {
  const out = new Uint8ClampedArray(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    const [y, cb, cr] = [pixels[i] as number, (pixels[i + 1] as number) - 128, (pixels[i + 2] as number) - 128];
    out[i] = y + 1.402 * cr;
    out[i + 1] = y - 0.344136 * cb - 0.714136 * cr;
    out[i + 2] = y + 1.772 * cb;
  }
  return new Uint8Array(out.buffer);
}
