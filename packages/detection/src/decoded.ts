/** A detector that decodes what it predicts, to be exported: all but the choice among overlapping boxes. */
import { BoxDecoding } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { CENTRE_WEIGHT, LARGEST_LOGARITHM, SIDE_WEIGHT } from './coder.js';
import { anchorsOf, inputSizeOf } from './detector.js';

/** Names of the outputs that {@link withDecoding} adds. */
export const SCORES = 'scores';
export const BOXES = 'boxes';

/**
 * The same network with four outputs: its two, and behind them `scores`, each class's probability [n, anchors, classes], background first, and
 * `boxes`, (x1, y1, x2, y2) in pixels of its input, cut off at its edges, [n, anchors, 4]. It shares the layers. What is left to do is to keep
 * the scores above a threshold, and non-maximum suppression class by class.
 * @example
 * ```ts
 * const [logits, codes, scores, boxes] = withDecoding(model).predict(images) as tf.Tensor3D[];
 * ```
 */
export function withDecoding(model: tf.LayersModel): tf.LayersModel {
  const [logits, codes] = model.outputs as [tf.SymbolicTensor, tf.SymbolicTensor];
  const { height, width } = inputSizeOf(model);
  const coding = { centreWeight: CENTRE_WEIGHT, sideWeight: SIDE_WEIGHT, largestLogarithm: LARGEST_LOGARITHM };
  const anchors = anchorsOf(model).map((anchor) => [...anchor]);
  const scores = tf.layers.softmax({ axis: -1, name: SCORES }).apply(logits) as tf.SymbolicTensor;
  const decoding = new BoxDecoding({ name: BOXES, anchors, ...coding, size: [height, width] });
  const boxes = decoding.apply(codes) as tf.SymbolicTensor;
  return tf.model({ inputs: model.inputs, outputs: [logits, codes, scores, boxes], name: model.name });
}
