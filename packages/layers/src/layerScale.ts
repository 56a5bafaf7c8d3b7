/** Layer scale (CaiT, arXiv 2103.17239, section 2.1). */
import * as tf from '@tensorflow/tfjs';

type Shape = (number | null)[];

export type LayerScaleArgs = ConstructorParameters<typeof tf.layers.Layer>[0] & {
  /** What the factors start from. Default: 1e-6, as in ConvNeXt. */
  initialValue?: number;
};

/** Multiplies each channel, the last axis, by a trained factor: the weight `layer_scale` of shape [channels]. */
export class LayerScale extends tf.layers.Layer {
  static className = 'LayerScale';
  readonly initialValue: number;
  private factors!: tf.LayerVariable;

  constructor(args: LayerScaleArgs = {}) {
    super(args);
    this.initialValue = args.initialValue ?? 1e-6;
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape;
    const initializer = tf.initializers.constant({ value: this.initialValue });
    this.factors = this.addWeight('layer_scale', [shape.at(-1) as number], 'float32', initializer);
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    return tf.tidy(() => tf.mul(x, this.factors.read()));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), initialValue: this.initialValue };
  }
}

tf.serialization.registerClass(LayerScale);
