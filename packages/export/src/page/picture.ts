/// <reference lib="dom" />
/** What the programs of all pages share: pictures, and what the page's notes say. */
import * as tf from '@tensorflow/tfjs';

/** Beside the model: how images are prepared, and what the classes are called and look like. */
export interface PageNotes {
  mean: readonly number[];
  std: readonly number[];
  bgr: boolean;
  classes: readonly { name: string; colour: readonly number[] }[];
  /** Of a detector: (x1, y1, x2, y2) of each, in pixels of its input. */
  anchors?: readonly (readonly [number, number, number, number])[];
}

/** What a page does with a picture: what the network makes of it, and how that is shown at a place of the slider, 0 to 1. */
export interface PageProgram<R> {
  run(bitmap: ImageBitmap): Promise<R>;
  show(canvas: HTMLCanvasElement, bitmap: ImageBitmap, result: R, share: number): void;
}

/** Height and width of the images that a network takes. */
export function inputSize(model: tf.LayersModel): { height: number; width: number } {
  const [, height = 1, width = 1] = (model.inputs[0]?.shape ?? []) as number[];
  return { height, width };
}

/** A bitmap as the network takes it, resized: [1, height, width, 3]. */
export function prepared(model: tf.LayersModel, bitmap: ImageBitmap, { mean, std, bgr }: PageNotes): tf.Tensor4D {
  const { height, width } = inputSize(model);
  const pixels = tf.browser.fromPixels(drawn(bitmap, width, height));
  const scaled = tf.div(tf.sub(tf.div(pixels, 255), tf.tensor1d([...mean])), tf.tensor1d([...std]));
  return tf.expandDims(bgr ? tf.reverse(scaled, 2) : scaled);
}

/** A bitmap drawn at a size. */
export function drawn(bitmap: ImageBitmap, width: number, height: number): ImageData {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
