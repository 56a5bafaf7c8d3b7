/** An 8-bit colour image. */
export interface RgbImage {
  /** `[height, width, 3]`, R, G, B. */
  data: Uint8Array;
  width: number;
  height: number;
}

/** In pixels. */
export interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}
