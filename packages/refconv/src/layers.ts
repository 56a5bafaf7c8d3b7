/** RefConv in the place of tf.layers' Conv2D and DepthwiseConv2D. */
import * as tf from '@tensorflow/tfjs';
import { type ConvmapInit, convmapBound, convmapShape, type KernelLayout, transformKernel } from './map.js';
import type { PlainClass, ReparameterizedLayer } from './reparameterization.js';

/** The options that a layer has and saves. */
export interface RefConvLayerOptions {
  /** Height and width of the map's filters: 1, 3 or 5, not above the kernel's. Default: 3. */
  mapKernel?: number;
  /** How W_r starts. Default: 'xavier'. */
  init?: ConvmapInit;
  /** Seed of W_r. Default: 0. */
  seed?: number;
  /** Whether the basis is added to its map. Default: true. */
  identity?: boolean;
  /** Whether the basis is trained too; the paper freezes it. Default: false. */
  trainableBasis?: boolean;
}

type Shape = (number | null)[];
type Args<Stock extends (...args: never[]) => unknown> = Parameters<Stock>[0] & {
  reparameterization?: RefConvLayerOptions;
};
export type RefConv2DArgs = Args<typeof tf.layers.conv2d>;
export type RefDepthwiseConv2DArgs = Args<typeof tf.layers.depthwiseConv2d>;

type Initializer = ReturnType<typeof tf.initializers.zeros>;
type Regularizer = ReturnType<typeof tf.regularizers.l2>;
type Constraint = ReturnType<typeof tf.constraints.nonNeg>;

/** What is needed of tfjs's variable of a layer. */
interface KernelVariable {
  read(): tf.Tensor4D;
  write(value: tf.Tensor): unknown;
}

/** The parts of tfjs's classes that its declarations leave out. */
interface StockConvolution extends tf.layers.Layer {
  kernelSize: number[];
  strides: number[];
  useBias: boolean;
}
type StockClass = (new (args: never) => StockConvolution) & tf.serialization.SerializableConstructor<StockConvolution>;

/** A layer of RefConv: weights `kernel` or `depthwise_kernel` (W_b), `convmap` (W_r) and, as in the plain layer, `bias`. */
export interface RefConvLayer extends ReparameterizedLayer {
  readonly layout: KernelLayout;
  /** W_b, [kh, kw, Cin, Cout] or, depthwise, [kh, kw, C, m]. */
  readonly basis: KernelVariable;
  /** W_r, [k, k, Cin, Cout] or, depthwise, [k, k, C, C·m]. */
  readonly convmap: KernelVariable;
  readonly options: Required<RefConvLayerOptions>;
  /** Draws another basis, by the initialiser that the plain layer has for its kernel. */
  drawBasis(seed: number): void;
}

/** Why a map of this size cannot work on a kernel; undefined where it can. */
export function mapRefusal(mapKernel: number, kernelSize: number[]): string | undefined {
  if (kernelSize.every((size) => size >= mapKernel)) return undefined;
  const [given, wanted] = [kernelSize.join('×'), `${mapKernel}×${mapKernel}`];
  return `its kernel is ${given}, smaller than the map's ${wanted}; give a smaller \`mapKernel\`.`;
}

/** The options with their defaults. @throws RangeError for what is no option's value. */
export function completeOptions(options: RefConvLayerOptions = {}): Required<RefConvLayerOptions> {
  const { mapKernel = 3, init = 'xavier', seed = 0, identity = true, trainableBasis = false } = options;
  if (![1, 3, 5].includes(mapKernel)) throw new RangeError(`mapKernel must be 1, 3 or 5; given ${mapKernel}.`);
  if (!['zero', 'xavier', 'official'].includes(init)) {
    throw new RangeError(`init must be 'zero', 'xavier' or 'official'; given '${init}'.`);
  }
  return { mapKernel, init, seed, identity, trainableBasis };
}

/** tfjs does not export its layers' classes, but makes instances of them. The name spares tfjs's numbering of unnamed layers. */
const stock = (layer: tf.layers.Layer) => Object.getPrototypeOf(layer).constructor as StockClass;
const StockConv2D = stock(tf.layers.conv2d({ filters: 1, kernelSize: 1, name: 'stock' }));
const StockDepthwiseConv2D = stock(tf.layers.depthwiseConv2d({ kernelSize: 1, name: 'stock' }));

/**
 * A class of tf.layers with W_t in its kernel's place; all else (stride, padding, dilation, bias, activation) is the plain layer's own
 * code, so it computes what the merged layer computes.
 * @param field where tfjs's layer keeps its kernel.
 */
function refocusing(Stock: StockClass, plainClass: PlainClass, field: 'kernel' | 'depthwiseKernel') {
  const dense = plainClass === 'Conv2D';
  const basisName = dense ? 'kernel' : 'depthwise_kernel';

  class Refocusing extends Stock implements RefConvLayer {
    static override className = `Ref${plainClass}`;
    readonly plainClass = plainClass;
    readonly layout: KernelLayout = { kind: dense ? 'dense' : 'depthwise' };
    readonly options: Required<RefConvLayerOptions>;
    basis!: KernelVariable;
    convmap!: KernelVariable;
    private initializer!: Initializer;
    private regularizer?: Regularizer;

    constructor(args: { reparameterization?: RefConvLayerOptions }) {
      super(args as never);
      this.options = completeOptions(args.reparameterization);
      const refusal = mapRefusal(this.options.mapKernel, this.kernelSize);
      if (refusal) throw new RangeError(`The layer ${this.name} cannot be refocused: ${refusal}`);
    }

    override build(inputShape: Shape | Shape[]): void {
      super.build(inputShape);
      const own = this as unknown as Record<typeof field, KernelVariable>;
      this.basis = own[field];
      const { shape } = this.basis.read();
      const { mapKernel, init, seed } = this.options;
      const bound = convmapBound(init, shape, this.layout, mapKernel);
      const initializer =
        init === 'zero'
          ? tf.initializers.zeros()
          : tf.initializers.randomUniform({ minval: -bound, maxval: bound, seed });
      const mapShape = convmapShape(shape, this.layout, mapKernel);
      this.convmap = this.addWeight(
        'convmap',
        mapShape,
        'float32',
        initializer,
        this.regularizer,
      ) as unknown as KernelVariable;
      // tfjs's layer convolves with what its kernel reads as.
      own[field] = { read: () => this.mergedWeights().kernel, write: (value) => this.basis.write(value) };
    }

    /** Called by tfjs's build(): freezes the basis. What regularised the kernel then regularises W_r, its constraint is dropped. */
    protected override addWeight(
      name: string,
      shape: Shape,
      dtype?: tf.DataType,
      initializer?: Initializer,
      regularizer?: Regularizer,
      trainable?: boolean,
      constraint?: Constraint,
    ): tf.LayerVariable {
      if (name !== basisName)
        return super.addWeight(name, shape, dtype, initializer, regularizer, trainable, constraint);
      this.initializer = initializer as Initializer;
      this.regularizer = regularizer;
      return this.options.trainableBasis
        ? super.addWeight(name, shape, dtype, initializer, regularizer, true, constraint)
        : super.addWeight(name, shape, dtype, initializer, undefined, false);
    }

    mergedWeights(): { kernel: tf.Tensor4D } {
      const { identity } = this.options;
      return { kernel: transformKernel(this.basis.read(), this.convmap.read(), this.layout, identity) };
    }

    drawBasis(seed: number): void {
      const config = { ...this.initializer.getConfig(), seed };
      const seeded = new (this.initializer.constructor as new (config: object) => Initializer)(config);
      const drawn = seeded.apply(this.basis.read().shape);
      this.basis.write(drawn);
      drawn.dispose();
    }

    override getConfig(): tf.serialization.ConfigDict {
      return { ...super.getConfig(), reparameterization: { ...this.options } };
    }
  }
  tf.serialization.registerClass(Refocusing);
  return Refocusing as unknown;
}

/** Conv2D with the kernel W_t; arguments are tf.layers' and `reparameterization`, {@link RefConvLayerOptions}. */
export const RefConv2D = refocusing(StockConv2D, 'Conv2D', 'kernel') as new (args: RefConv2DArgs) => RefConvLayer;

/** DepthwiseConv2D with the kernel W_t; arguments are tf.layers' and `reparameterization`, {@link RefConvLayerOptions}. */
export const RefDepthwiseConv2D = refocusing(StockDepthwiseConv2D, 'DepthwiseConv2D', 'depthwiseKernel') as new (
  args: RefDepthwiseConv2DArgs,
) => RefConvLayer;

export function isRefConv(layer: tf.layers.Layer): layer is RefConvLayer {
  return layer instanceof RefConv2D || layer instanceof RefDepthwiseConv2D;
}
