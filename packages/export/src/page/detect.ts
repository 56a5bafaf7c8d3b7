/// <reference lib="dom" />
/** The page of a detector: the picture with the boxes of its objects. */

import { rescale } from '@refconv/detection/boxes';
import { type Detection, detectionsOf } from '@refconv/detection/detections';
import * as tf from '@tensorflow/tfjs';
import { inputSize, type PageNotes, type PageProgram, prepared } from './picture.js';

declare global {
  /** Of the picture that was looked at last: what was found, in its own pixels. */
  var detected: Detection[] | undefined;
}

export const detector = (model: tf.LayersModel, notes: PageNotes): PageProgram<Detection[]> => ({
  async run(bitmap) {
    const outputs = tf.tidy(() => model.predict(prepared(model, bitmap, notes))) as tf.Tensor[];
    const [logits, codes] = await Promise.all(outputs.slice(0, 2).map((output) => output.data()));
    tf.dispose(outputs);
    const size = inputSize(model);
    const found = detectionsOf(logits as Float32Array, codes as Float32Array, notes.anchors ?? [], size);
    globalThis.detected = found.map(({ box, ...each }) => ({ ...each, box: rescale(box, size, bitmap) }));
    return globalThis.detected;
  },
  show(canvas, bitmap, found, share) {
    const { width, height } = bitmap;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    if (!context) return;
    const line = Math.max(2, Math.round(width / 250));
    context.drawImage(bitmap, 0, 0);
    context.lineWidth = line;
    context.font = `${6 * line}px system-ui, sans-serif`;
    context.textBaseline = 'bottom';
    for (const { label, score, box } of found.filter((each) => each.score >= share)) {
      const { name = `${label}`, colour = [0, 0, 0] } = notes.classes[label - 1] ?? {};
      const [x1, y1, x2, y2] = box;
      const text = `${name} ${score.toFixed(2)}`;
      context.strokeStyle = `rgb(${colour.join(' ')})`;
      context.strokeRect(x1, y1, x2 - x1, y2 - y1);
      context.fillStyle = context.strokeStyle;
      const top = Math.max(y1, 7 * line);
      context.fillRect(x1, top - 7 * line, context.measureText(text).width + 2 * line, 7 * line);
      context.fillStyle = 'white';
      context.fillText(text, x1 + line, top);
    }
  },
});
