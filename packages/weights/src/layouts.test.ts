/** Layer classes whose layouts are told from outside. */
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { loadTorchState, registerLayout, torchState } from './index.js';

type Config = ConstructorParameters<typeof tf.layers.Layer>[0];

/** x · scale, by channel. */
class ChannelScale extends tf.layers.Layer {
  static className = 'LayoutsTestChannelScale';
  private scale: tf.LayerVariable | undefined;

  override build(shape: tf.Shape): void {
    this.scale = this.addWeight('scale', [shape.at(-1) as number], 'float32', tf.initializers.ones());
    super.build(shape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = Array.isArray(inputs) ? inputs : [inputs];
    return tf.mul(x as tf.Tensor, (this.scale as tf.LayerVariable).read());
  }
}

const model = (config: Config = { name: 'block.scaled' }) =>
  tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [2, 2, 3] }), new ChannelScale(config)] });

describe('a layer class of one’s own', () => {
  it('is refused with what to do until its layout is registered, and then goes to a state_dict and back', () => {
    const tensors = tf.memory().numTensors;
    const own = model();
    expect(() => torchState(own)).to.throw('registerLayout() of @refconv/weights');
    registerLayout(ChannelScale.className, { scale: { suffix: 'gain', axes: [0], reshape: (shape) => [1, ...shape] } });
    expect([...torchState(own)]).to.deep.equal([
      ['block.scaled.gain', { shape: [1, 3], data: Float32Array.of(1, 1, 1) }],
    ]);
    loadTorchState(own, new Map([['block.scaled.gain', { shape: [1, 3], data: Float32Array.of(1, 2, 3) }]]));
    expect([...(own.getWeights()[0] as tf.Tensor).dataSync()]).to.deep.equal([1, 2, 3]);
    own.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('is registered once, and over a class that is known', () => {
    expect(() => registerLayout('Conv2D', {})).to.throw('The layout of Conv2D is registered already.');
    expect(() => registerLayout('Other', {}, 'Nothing')).to.throw(
      'Other is to have the weights of Nothing, whose layout is not registered.',
    );
  });
});
