/** Batch normalisation with PyTorch's running statistics. */
import * as tf from '@tensorflow/tfjs';

type StockArgs = NonNullable<Parameters<typeof tf.layers.batchNormalization>[0]>;

export interface BatchNormalizationArgs extends StockArgs {
  /**
   * Averages the unbiased batch variance (denominator n − 1) into the moving variance, as PyTorch does; tf.layers averages the
   * biased one. Both normalise by the biased one. Default: false.
   */
  unbiasedVariance?: boolean;
}

interface LayerVariable {
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

/** The variables of a batch normalisation, all [c]. */
export interface BatchNormVariables {
  gamma?: LayerVariable;
  beta?: LayerVariable;
  movingMean: LayerVariable;
  movingVariance: LayerVariable;
}

interface StockLayer extends tf.layers.Layer, BatchNormVariables {
  axis: number;
  epsilon: number;
  momentum: number;
}

/** tfjs does not export its layer's class, but makes instances of it. */
const Stock = Object.getPrototypeOf(tf.layers.batchNormalization()).constructor as (new (
  args?: StockArgs,
) => StockLayer) &
  tf.serialization.SerializableConstructor<StockLayer>;

/** The fused kernel that @refconv/tensorflow registers; on other backends the same is composed of plain operations. */
const FUSED_KERNEL = 'BatchNormTraining';

/**
 * tf.layers' batch normalisation plus {@link BatchNormalizationArgs.unbiasedVariance}. It saves under tf.layers' class name, so a
 * saved model loads without this package (where the option is ignored, which changes nothing in inference).
 */
export class BatchNormalization extends Stock {
  static override className = 'BatchNormalization';
  private readonly unbiasedVariance: boolean;

  constructor(args: BatchNormalizationArgs = {}) {
    super(args);
    this.unbiasedVariance = args.unbiasedVariance ?? false;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor | tf.Tensor[] {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    const lastAxis = this.axis === -1 || this.axis === x.rank - 1;
    if (!kwargs.training || !this.unbiasedVariance || !lastAxis) return super.call(inputs, kwargs);
    return normalizeBatch(x, this, this.epsilon, this.momentum);
  }

  override getConfig(): tf.serialization.ConfigDict {
    // Left out where it is not used, so that a stock layer's config comes back as it was.
    return { ...super.getConfig(), ...(this.unbiasedVariance && { unbiasedVariance: true }) };
  }
}

tf.serialization.registerClass(BatchNormalization);

/**
 * Moves a running statistic [c] towards the batch's; momentum is the share of the old one.
 * @example
 * ```ts
 * const { movingMean } = model.getLayer('bn1') as BatchNormalization & BatchNormVariables;
 * tf.tidy(() => moveAverage(movingMean, tf.mean(images, [0, 1, 2]), 0.9));
 * ```
 */
export function moveAverage(moving: LayerVariable, value: tf.Tensor, momentum: number): void {
  tf.tidy(() => void moving.write(tf.add(tf.mul(moving.read(), momentum), tf.mul(value, 1 - momentum))));
}

/**
 * Normalises the channels of x [.., c] by the batch's statistics, and moves the running ones as PyTorch does: momentum is the share
 * of the old ones, the variance that goes in is unbiased.
 * @example
 * ```ts
 * const { gamma, beta, movingMean, movingVariance } = model.getLayer('bn1') as BatchNormalization & BatchNormVariables;
 * const y = normalizeBatch(images, { gamma, beta, movingMean, movingVariance }, 1e-5, 0.9);
 * ```
 */
export function normalizeBatch(
  x: tf.Tensor,
  variables: BatchNormVariables,
  epsilon: number,
  momentum: number,
): tf.Tensor {
  return tf.tidy(() => {
    const channels = x.shape[x.rank - 1] as number;
    const scale = variables.gamma?.read() ?? tf.ones([channels]);
    const offset = variables.beta?.read() ?? tf.zeros([channels]);
    const { movingMean, movingVariance } = variables;
    if (tf.getKernel(FUSED_KERNEL, tf.getBackend())) {
      const images = x.rank === 4 ? x : tf.reshape(x, [x.size / channels, 1, 1, channels]);
      const inputs = {
        x: images,
        scale,
        offset,
        runningMean: movingMean.read(),
        runningVariance: movingVariance.read(),
      };
      const attributes = { epsilon, averageFactor: 1 - momentum };
      const outputs = tf.engine().runKernel(FUSED_KERNEL, inputs, attributes);
      const [y, mean, variance] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
      movingMean.write(mean);
      movingVariance.write(variance);
      return x.rank === 4 ? y : tf.reshape(y, x.shape);
    }
    const axes = x.shape.map((_, axis) => axis).slice(0, -1);
    const { mean, variance } = tf.moments(x, axes);
    const count = x.size / channels;
    moveAverage(movingMean, mean, momentum);
    moveAverage(movingVariance, tf.mul(variance, count / Math.max(1, count - 1)), momentum);
    const factor = tf.mul(tf.rsqrt(tf.add(variance, epsilon)), scale);
    return tf.add(tf.mul(tf.sub(x, mean), factor), offset);
  });
}

export interface BatchNorm2dArgs {
  name?: string;
  /** Added to the variance. Default: 1e-5, as in PyTorch. */
  epsilon?: number;
  /** PyTorch's momentum, the share of the new batch in the running statistics: 1 − tf.layers' momentum. Default: 0.1. */
  momentum?: number;
  /** What β starts from. Default: 0. */
  offset?: number;
}

/**
 * Batch normalisation over the channels of [n, h, w, c] with PyTorch's defaults and running statistics.
 * @example
 * ```ts
 * const y = batchNorm2d({ name: 'bn1' }).apply(images); // saves its weights under bn1, as PyTorch's module
 * ```
 */
export function batchNorm2d(args: BatchNorm2dArgs = {}): BatchNormalization {
  const { name, epsilon = 1e-5, momentum = 0.1, offset = 0 } = args;
  return new BatchNormalization({
    ...(name && { name }),
    epsilon,
    momentum: 1 - momentum,
    unbiasedVariance: true,
    ...(offset !== 0 && { betaInitializer: tf.initializers.constant({ value: offset }) }),
  });
}
