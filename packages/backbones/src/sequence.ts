/** PyTorch's Sequential, as the networks use it. */
import type * as tf from '@tensorflow/tfjs';
import type { LayerBuilder } from './layerBuilder.js';

/** Makes the layers of a PyTorch Sequential, whose modules' names are their places in it. */
export class Sequence {
  private place = 0;

  constructor(
    private readonly layers: LayerBuilder,
    public x: tf.SymbolicTensor,
    private readonly path: string,
  ) {}

  private next() {
    return `${this.path}.${this.place++}`;
  }

  /** A convolution with its normalisation. */
  convolution(channels: number, kernel = 1, stride = 1): this {
    this.x = this.layers.convolution(this.x, this.next(), { channels, kernel, stride });
    this.x = this.layers.norm(this.x, this.next());
    return this;
  }

  /** A depthwise convolution with its normalisation. */
  depthwise(kernel: number, stride = 1): this {
    this.x = this.layers.depthwise(this.x, this.next(), { kernel, stride });
    this.x = this.layers.norm(this.x, this.next());
    return this;
  }

  relu6(): this {
    this.x = this.layers.activation(this.x, this.next(), 'relu6');
    return this;
  }
}
