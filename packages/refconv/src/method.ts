/**
 * How a re-parameterisation is written: a definition says what it takes and what it computes, and `defineMethod` makes of it the layers
 * that stand in the convolutions' places. packages/refconv/README.md shows an example.
 */
import * as tf from '@tensorflow/tfjs';
import {
  type Convolution,
  type ConvolutionLayer,
  convolutionOf,
  type KernelVariable,
  NO_ZEROS,
  PLAIN,
  type PlainClass,
  plainKernel,
  type Variable,
  type Zeros,
} from './convolution.js';
import { type Initializer, seedOf } from './seeds.js';

type Shape = (number | null)[];
type Options = object;
type Regularizer = ReturnType<typeof tf.regularizers.l2>;
type Constraint = ReturnType<typeof tf.constraints.nonNeg>;

/** Kernel and bias with which a plain convolution computes the same in evaluation; the bias where the method has one of its own. */
export interface MergedWeights {
  kernel: tf.Tensor4D;
  bias?: tf.Tensor1D;
}

/** What a method computes with in the place of one convolution: its weights, and the functions of them. */
export interface Block {
  /** Kernel and bias of the plain convolution that computes the same in evaluation. */
  merged(): MergedWeights;
  /**
   * The features, before the layer's activation. A method that leaves it out is a weight re-parameterisation: the plain layer's own code
   * convolves with the merged kernel, in training too.
   */
  features?(x: tf.Tensor4D, training: boolean): tf.Tensor4D;
  /** Sets initial values, once weights of the same name have been copied from the plain layer; `given` as in {@link Reparameterization}. */
  start?(given: Trained | undefined): void | Promise<void>;
  /**
   * Multiplications in training: for each image, and once a step. Default: those of the plain convolution. Of a block of branches those of its
   * authors' code, which ours may do without.
   */
  macs?(pixels: Pixels): { image: number; step: number };
}

/** Pixels of an image that comes in, without zeros around it, and of one that goes out. */
export interface Pixels {
  input: number;
  output: number;
}

/** The trained layers that a block takes over. */
export interface Trained {
  convolution: ConvolutionLayer;
  batchNorm?: tf.layers.Layer;
}

/** The layer, seen by the method that fills it. */
export interface Site<O extends Options = Options> {
  readonly layer: ReparameterizedLayer;
  readonly options: O;
  readonly convolution: Convolution;
  /** The weight that the plain layer has too, with the initialiser and the regulariser that the plain layer gives it. */
  readonly kernel: KernelVariable;
  readonly kernelInitializer: Initializer;
  readonly kernelRegularizer?: Regularizer;
  /** Adds a weight to the layer; the name is the layer's own, and must be new in it. */
  weight(
    name: string,
    shape: number[],
    initializer: Initializer,
    more?: { trainable?: boolean; regularizer?: Regularizer },
  ): Variable;
  /** The seed to draw one of the layer's weights by: of the model's seed, the layer's name and the weight's. Every draw takes it. */
  seed(weight?: string): number;
}

/** A method. Its options are saved with the layers, so they must be plain JSON; a seed is none of them, see {@link Site.seed}. */
export interface MethodDefinition<O extends Options> {
  /** As papers write it. */
  name: string;
  /** Stands before the plain layer's class: `Ref` makes `RefConv2D`. */
  prefix: string;
  /** Whether blocks end in batch norms of their own, and so take the place of the batch norm after the convolution. Default: false. */
  structural?: boolean;
  /** The options with their defaults. @throws RangeError for what is no option's value. */
  complete(options: Partial<O>): O;
  /** Why it cannot take a convolution; undefined where it can. A sentence's end, such as "its kernel is 2×2." */
  refusal(convolution: Convolution, options: O): string | undefined;
  /** Adds the weights, with the initial values of a training from scratch. */
  build(site: Site<O>): Block;
  /** Whether the plain kernel is frozen; its regulariser and constraint are dropped then. Default: never. */
  freezesKernel?(options: O): boolean;
}

/** A method with its options. */
export interface Reparameterization {
  readonly name: string;
  readonly structural: boolean;
  /** Why the method cannot take a convolution; undefined where it can. */
  refusal(convolution: Convolution): string | undefined;
  /** The registered class of the layer in its place, and its options: `config.reparameterization`. */
  replacement(convolution: Convolution): { className: string; options: tf.serialization.ConfigDict };
  /** Sets initial values: from trained layers, or without any as the method's official code does. */
  start(layer: ReparameterizedLayer, given?: Trained): void | Promise<void>;
}

/** What a layer's config tells of where it stands; it decides what merging gives back. */
interface Surroundings {
  zeros?: Zeros;
  /** The plain layer had no bias, and merging gives it one. */
  addsBias?: boolean;
}

/**
 * The layer in a convolution's place: the plain layer's class extended. Its config is the plain layer's and the keys
 * `reparameterization`, the method's options, and `surroundings`.
 */
export interface ReparameterizedLayer extends ConvolutionLayer {
  /** The method's name. */
  readonly method: string;
  /** The class that it stands in for, and that merging gives back. */
  readonly plainClass: PlainClass;
  readonly block: Block;
  mergedWeights(): MergedWeights;
  /** Multiplications in training: for each image, and once a step. @throws Error where the size of images is not fixed. */
  trainingMacs(): { image: number; step: number };
}

export function isReparameterized(layer: tf.layers.Layer): layer is ReparameterizedLayer {
  return 'mergedWeights' in layer;
}

interface LayerArgs<O> {
  /** The method's options; what is none of them, such as the seed that layers used to save, is passed over. */
  reparameterization?: Partial<O>;
  /** Of the initial weights, and not saved. Default: 0. */
  seed?: number;
  surroundings?: Surroundings;
}

/** The class of a plain layer extended by a method. */
function layerClass<O extends Options>(definition: MethodDefinition<O>, plainClass: PlainClass) {
  const { Stock, field, weight: kernelName } = PLAIN[plainClass];

  class Reparameterized extends Stock implements ReparameterizedLayer {
    static override className = `${definition.prefix}${plainClass}`;
    readonly method = definition.name;
    readonly plainClass = plainClass;
    readonly options: O;
    block!: Block;
    private readonly surroundings: Surroundings;
    private readonly seed: number;
    private kernelNumbers!: number;
    private drawnBy!: Initializer;
    private regularizedBy?: Regularizer;

    constructor(args: LayerArgs<O>) {
      super(args as never);
      this.options = definition.complete(args.reparameterization ?? {});
      this.surroundings = args.surroundings ?? {};
      this.seed = args.seed ?? 0;
    }

    override build(inputShape: Shape | Shape[]): void {
      super.build(inputShape);
      const kernel = plainKernel(this, plainClass);
      const convolution = convolutionOf(this, kernel.read(), this.surroundings.zeros ?? NO_ZEROS);
      this.kernelNumbers = kernel.read().size;
      const { name, options } = this;
      const refusal = definition.refusal(convolution, options);
      if (refusal) throw new RangeError(`${definition.name} cannot take the layer ${name}: ${refusal}`);
      this.block = definition.build({
        layer: this,
        options,
        convolution,
        kernel,
        kernelInitializer: this.drawnBy,
        kernelRegularizer: this.regularizedBy,
        weight: (weight, shape, initializer, { trainable = true, regularizer } = {}) =>
          super.addWeight(weight, shape, 'float32', initializer, regularizer, trainable) as unknown as Variable,
        seed: (weight) => seedOf(this.seed, weight ? `${name}/${weight}` : name),
      });
      // tfjs's layer convolves with what its kernel reads as.
      if (this.block.features) return;
      const own = this as unknown as Record<typeof field, Variable>;
      own[field] = { read: () => this.block.merged().kernel, write: (value) => kernel.write(value) };
    }

    /** Called by tfjs's build(). */
    protected override addWeight(
      name: string,
      shape: Shape,
      dtype?: tf.DataType,
      initializer?: Initializer,
      regularizer?: Regularizer,
      trainable?: boolean,
      constraint?: Constraint,
    ): tf.LayerVariable {
      if (name === kernelName) {
        this.drawnBy = initializer as Initializer;
        this.regularizedBy = regularizer;
        if (definition.freezesKernel?.(this.options))
          return super.addWeight(name, shape, dtype, initializer, undefined, false);
      }
      return super.addWeight(name, shape, dtype, initializer, regularizer, trainable, constraint);
    }

    override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor | tf.Tensor[] {
      if (!this.block.features) return super.call(inputs, kwargs);
      return tf.tidy(() => {
        const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
        const y = this.block.features?.(x, kwargs.training ?? false) as tf.Tensor4D;
        return this.activation ? this.activation.apply(y) : y;
      });
    }

    mergedWeights(): MergedWeights {
      return tf.tidy(() => {
        const { kernel, bias } = this.block.merged();
        // Clones, since what a method gives may be a weight itself, which the caller must not dispose of.
        return { kernel: tf.clone(kernel), ...(bias && { bias: tf.clone(bias) }) };
      });
    }

    trainingMacs() {
      const pixels = ([, height, width]: Shape, [rows, columns] = NO_ZEROS): number => {
        if (height && width) return (height - rows[0] - rows[1]) * (width - columns[0] - columns[1]);
        throw new Error(
          `${this.name} takes images of any size; build the model for one size to count its multiplications.`,
        );
      };
      const output = pixels(this.outputShape as Shape);
      const input = pixels((this.input as tf.SymbolicTensor).shape, this.surroundings.zeros);
      return this.block.macs?.({ input, output }) ?? { image: this.kernelNumbers * output, step: 0 };
    }

    override getConfig(): tf.serialization.ConfigDict {
      const surroundings = Object.keys(this.surroundings).length ? { surroundings: { ...this.surroundings } } : {};
      return { ...super.getConfig(), reparameterization: { ...this.options }, ...surroundings } as never;
    }
  }
  tf.serialization.registerClass(Reparameterized);
  return Reparameterized as unknown as new (
    args: LayerArgs<O>,
  ) => ReparameterizedLayer;
}

/** A method of some options, and the classes of its layers. */
export interface Method<O extends Options> {
  /** The method with its options. @throws RangeError for what is no option, or no option's value. */
  (options?: Partial<O>): Reparameterization;
  readonly layers: Readonly<Record<PlainClass, new (args: never) => ReparameterizedLayer>>;
}

/**
 * Makes a method of its definition, and registers the classes of its layers with tfjs, so that models with them load.
 * @example
 * ```ts
 * const scaled = defineMethod<{ start: number }>({
 *   name: 'Scaled',
 *   prefix: 'Scaled',
 *   complete: ({ start = 1 }) => ({ start }),
 *   refusal: () => undefined,
 *   build({ convolution, kernel, options, weight }) {
 *     const initial = tf.initializers.constant({ value: options.start });
 *     const factor = weight('factor', [convolution.outputs], initial);
 *     return { merged: () => ({ kernel: tf.mul(kernel.read(), factor.read()) }) };
 *   },
 * });
 * const model = await reparameterize(plain, scaled());
 * ```
 */
export function defineMethod<O extends Options>(definition: MethodDefinition<O>): Method<O> {
  const layers = {
    Conv2D: layerClass(definition, 'Conv2D'),
    DepthwiseConv2D: layerClass(definition, 'DepthwiseConv2D'),
    DilatedDepthwiseConv2D: layerClass(definition, 'DilatedDepthwiseConv2D'),
    GroupedConv2D: layerClass(definition, 'GroupedConv2D'),
  };
  const method = (options: Partial<O> = {}): Reparameterization => {
    const complete = definition.complete(options);
    const unknown = Object.keys(options).filter((option) => !(option in complete));
    if (unknown.includes('seed')) {
      throw new RangeError(
        `A seed is no option of ${definition.name}: give it to reparameterize(model, method, { seed }).`,
      );
    }
    if (unknown.length) {
      const known = Object.keys(complete).join(', ') || 'none';
      throw new RangeError(`${definition.name} has no option ${unknown.join(', ')}; it has ${known}.`);
    }
    return {
      name: definition.name,
      structural: definition.structural ?? false,
      refusal: (convolution) => definition.refusal(convolution, complete),
      replacement: ({ layer }) => ({
        className: `${definition.prefix}${layer.getClassName()}`,
        options: { ...complete } as tf.serialization.ConfigDict,
      }),
      start: (layer, given) => layer.block.start?.(given),
    };
  };
  return Object.assign(method, { layers });
}
