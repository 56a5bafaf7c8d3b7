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

/** An image whose size is known before its pixels are. */
export interface Undecoded {
  /** The format's name, and what is unusual. */
  format: string;
  width: number;
  height: number;
  /** @throws if the file is cut off or damaged. */
  decode(): RgbImage;
}
