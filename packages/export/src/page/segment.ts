/// <reference lib="dom" />
/** The page of a segmenter: the picture with the colours of its classes over it. */
import { bilinearResize } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { drawn, type PageNotes, type PageProgram, prepared } from './picture.js';

/** Of the picture that was segmented last: the class of each pixel, of its own size. */
export interface Segmented {
  classes: Uint8Array;
  width: number;
  height: number;
}

declare global {
  var segmented: Segmented | undefined;
}

export const segmenter = (model: tf.LayersModel, notes: PageNotes): PageProgram<Segmented> => ({
  async run(bitmap) {
    const { width, height } = bitmap;
    const found = tf.tidy(() => {
      const output = model.predict(prepared(model, bitmap, notes));
      const logits = (Array.isArray(output) ? output[0] : output) as tf.Tensor4D;
      return tf.argMax(bilinearResize(logits, [height, width]), 3);
    });
    const classes = Uint8Array.from(await found.data());
    found.dispose();
    globalThis.segmented = { classes, width, height };
    return globalThis.segmented;
  },
  show(canvas, bitmap, { classes, width, height }, share) {
    Object.assign(canvas, { width, height });
    const picture = drawn(bitmap, width, height);
    classes.forEach((label, i) => {
      const colour = notes.classes[label]?.colour ?? [0, 0, 0];
      for (let c = 0; c < 3; c++)
        picture.data[4 * i + c] = (1 - share) * (picture.data[4 * i + c] as number) + share * (colour[c] as number);
    });
    canvas.getContext('2d')?.putImageData(picture, 0, 0);
  },
});
