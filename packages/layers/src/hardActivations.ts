/** The activations of MobileNetV3 (arXiv 1905.02244, section 5.2): sigmoid and swish, pieced together of straight lines. */
import * as tf from '@tensorflow/tfjs';

const hardSigmoid = (x: tf.Tensor) => tf.div(tf.relu6(tf.add(x, 3)), 6);

/** x to relu6(x + 3) / 6, as PyTorch's Hardsigmoid. tfjs's activation `hardSigmoid` is another function, of slope 0.2. */
export class HardSigmoid extends tf.layers.Layer {
  static className = 'HardSigmoid';

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => hardSigmoid(only(inputs)));
  }
}

/** x to x · relu6(x + 3) / 6, as PyTorch's Hardswish. */
export class HardSwish extends tf.layers.Layer {
  static className = 'HardSwish';

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => tf.mul(only(inputs), hardSigmoid(only(inputs))));
  }
}

const only = (inputs: tf.Tensor | tf.Tensor[]) => (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;

tf.serialization.registerClass(HardSigmoid);
tf.serialization.registerClass(HardSwish);
