/** From the numbers that a detector predicts for its anchors to boxes, as a layer, so that exported networks can have it. */
import * as tf from '@tensorflow/tfjs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];
type Shape = (number | null)[];

/** How numbers (dx, dy, dw, dh) become a box relative to its anchor. */
export interface BoxCoding {
  /** (x1, y1, x2, y2) of each anchor, in pixels. */
  anchors: number[][];
  /** What the shifts of the centre and the logarithms of the sides were multiplied by. */
  centreWeight: number;
  sideWeight: number;
  /** Of a side to its anchor's, at most. */
  largestLogarithm: number;
  /** Height and width of the image, to which boxes are cut off. */
  size: [height: number, width: number];
}

export type BoxDecodingArgs = LayerArgs & BoxCoding;

/** Box numbers [n, anchors, 4] to (x1, y1, x2, y2) in pixels, [n, anchors, 4]. */
export class BoxDecoding extends tf.layers.Layer {
  static className = 'BoxDecoding';
  readonly coding: BoxCoding;

  constructor(args: BoxDecodingArgs) {
    super(args);
    const { anchors, centreWeight, sideWeight, largestLogarithm, size } = args;
    this.coding = { anchors, centreWeight, sideWeight, largestLogarithm, size };
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const { centreWeight, sideWeight, largestLogarithm } = this.coding;
      const { centres, sides, limits } = this.constants();
      const codes = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor3D;
      const [shift, growth] = tf.split(codes, 2, 2) as [tf.Tensor, tf.Tensor];
      const centre = tf.add(centres, tf.mul(shift, tf.div(sides, centreWeight)));
      const logarithm = tf.minimum(tf.div(growth, sideWeight), largestLogarithm);
      const half = tf.mul(tf.exp(logarithm), tf.div(sides, 2));
      const corners = tf.concat([tf.sub(centre, half), tf.add(centre, half)], 2);
      return tf.minimum(tf.maximum(corners, 0), limits);
    });
  }

  /** Centres and sides of the anchors, both [anchors, 2], and the corners' largest values [4]. */
  constants(): { centres: tf.Tensor2D; sides: tf.Tensor2D; limits: tf.Tensor1D } {
    const { anchors, size } = this.coding;
    const [height, width] = size;
    const pairs = (of: (low: number, high: number) => number) =>
      tf.tensor2d(anchors.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => [of(x1, x2), of(y1, y2)]));
    return {
      centres: pairs((low, high) => (low + high) / 2),
      sides: pairs((low, high) => high - low),
      limits: tf.tensor1d([width, height, width, height]),
    };
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...(this.coding as unknown as tf.serialization.ConfigDict) };
  }
}

tf.serialization.registerClass(BoxDecoding);
