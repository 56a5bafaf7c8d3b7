/** RefConv (arXiv 2310.10563; class RepConv of Aiolus-X/RefConv, MIT): the kernel W_b is frozen, and a map of it, W_r, is learned. */
import { registerLayout, type WeightPlace } from '@refconv/weights';
import * as tf from '@tensorflow/tfjs';
import type { Convolution, KernelVariable } from './convolution.js';
import {
  type ConvmapInit,
  convmapBound,
  convmapShape,
  fromOfficialConvmap,
  type KernelLayout,
  toOfficialConvmap,
  transformKernel,
} from './map.js';
import { type Block, defineMethod, type Reparameterization, type ReparameterizedLayer } from './method.js';
import { type ReparameterizeOptions, reparameterize, reparameterizedLayers } from './reparameterization.js';
import { type Initializer, seededBy } from './seeds.js';

/** The options that a layer has and saves. */
export interface RefConvLayerOptions {
  /** Height and width of the map's filters: 1, 3 or 5, not above the kernel's. Default: 3. */
  mapKernel?: number;
  /** How W_r starts. Default: 'xavier'. */
  init?: ConvmapInit;
  /** Whether the basis is added to its map. Default: true. */
  identity?: boolean;
  /** Whether the basis is trained too; the paper freezes it. Default: false. */
  trainableBasis?: boolean;
}

export interface RefConvOptions extends RefConvLayerOptions {
  /** What W_b starts from: the model's kernels, or ones drawn by the layers' own initialisers. Default: 'pretrained'. */
  basis?: 'pretrained' | 'random';
}

export interface RefocusOptions extends RefConvOptions, Pick<ReparameterizeOptions, 'select' | 'seed' | 'onLeft'> {}

/** A layer of RefConv: weights `kernel` or `depthwise_kernel` (W_b), `convmap` (W_r) and, as in the plain layer, `bias`. */
export interface RefConvLayer extends ReparameterizedLayer, RefConvParts {}

/** What a RefConv layer has besides. */
interface RefConvParts {
  readonly layout: KernelLayout;
  /** W_b, [kh, kw, Cin/groups, Cout] or, depthwise, [kh, kw, C, m]. */
  readonly basis: KernelVariable;
  /** W_r: `convmapShape` tells its layout. */
  readonly convmap: KernelVariable;
  readonly options: Required<RefConvLayerOptions>;
  /** Draws another basis, by the initialiser that the plain layer has for its kernel. */
  drawBasis(): void;
}

type RefConvBlock = Block & RefConvParts;

/** The options with their defaults. */
function complete(options: RefConvLayerOptions): Required<RefConvLayerOptions> {
  const { mapKernel = 3, init = 'xavier', identity = true, trainableBasis = false } = options;
  if (![1, 3, 5].includes(mapKernel)) throw new RangeError(`mapKernel must be 1, 3 or 5; given ${mapKernel}.`);
  if (!['zero', 'xavier', 'official'].includes(init)) {
    throw new RangeError(`init must be 'zero', 'xavier' or 'official'; given '${init}'.`);
  }
  return { mapKernel, init, identity, trainableBasis };
}

const layoutOf = ({ kind, groups }: Convolution): KernelLayout =>
  kind === 'dense' && groups > 1 ? { kind, groups } : { kind };

const refocusing = defineMethod<Required<RefConvLayerOptions>>({
  name: 'RefConv',
  prefix: 'Ref',
  complete,
  refusal({ kernelShape: [height, width] }, { mapKernel }) {
    if (Math.min(height, width) >= mapKernel) return undefined;
    return `its kernel is ${height}×${width}, smaller than the map's ${mapKernel}×${mapKernel}; give a smaller \`mapKernel\`.`;
  },
  freezesKernel: ({ trainableBasis }) => !trainableBasis,
  build(site): RefConvBlock {
    const { convolution, options, kernel: basis, kernelInitializer, kernelRegularizer } = site;
    const { mapKernel, init, identity } = options;
    const { kernelShape } = convolution;
    const layout = layoutOf(convolution);
    const bound = convmapBound(init, kernelShape, layout, mapKernel);
    const initializer =
      init === 'zero'
        ? tf.initializers.zeros()
        : tf.initializers.randomUniform({ minval: -bound, maxval: bound, seed: site.seed() });
    // What regularised the kernel regularises W_r.
    const convmap = site.weight('convmap', convmapShape(kernelShape, layout, mapKernel), initializer, {
      regularizer: kernelRegularizer,
    }) as KernelVariable;
    const parts: RefConvParts = {
      layout,
      basis,
      convmap,
      options,
      // Another seed than that of W_r, which would make them alike.
      drawBasis: () => draw(basis, kernelInitializer, site.seed('basis')),
    };
    Object.assign(site.layer, parts);
    const [height, width] = kernelShape;
    return {
      ...parts,
      merged: () => ({ kernel: transformKernel(basis.read(), convmap.read(), layout, identity) }),
      macs: ({ output }) => ({
        image: basis.read().size * output,
        step: convmap.read().size * height * width,
      }),
    };
  },
});

/** Writes what an initialiser draws with another seed. */
function draw(variable: KernelVariable, initializer: Initializer, seed: number): void {
  const drawn = seededBy(initializer, seed).apply(variable.read().shape);
  variable.write(drawn);
  drawn.dispose();
}

/**
 * The method with its options. @throws RangeError for what is no option's value.
 * @example
 * ```ts
 * const model = await reparameterize(plain, refconv({ init: 'zero' })); // as `refocus` does, and starts as the plain model
 * ```
 */
export function refconv({ basis = 'pretrained', ...options }: RefConvOptions = {}): Reparameterization {
  if (!['pretrained', 'random'].includes(basis)) {
    throw new RangeError(`basis must be 'pretrained' or 'random'; given '${basis}'.`);
  }
  return {
    ...refocusing(options),
    start: (layer) => {
      if (basis === 'random') (layer as RefConvLayer).drawBasis();
    },
  };
}

/** Under the keys of the official code, whose W_r are (Cout·Cin/g, g, k, k). */
const CONVMAP: WeightPlace = { suffix: 'convmap.weight', axes: [3, 2, 0, 1] };
registerLayout(
  'RefConv2D',
  { convmap: { ...CONVMAP, reshape: ([outputs = 0, inputs = 0, ...size]) => [outputs * inputs, 1, ...size] } },
  'Conv2D',
);
for (const stock of ['GroupedConv2D', 'DepthwiseConv2D', 'DilatedDepthwiseConv2D'])
  registerLayout(`Ref${stock}`, { convmap: CONVMAP }, stock);

type Args<Stock extends (...args: never[]) => unknown> = Parameters<Stock>[0] & {
  reparameterization?: RefConvLayerOptions;
  /** Of W_r, and not saved; each layer draws other numbers. Default: 0. */
  seed?: number;
};
export type RefConv2DArgs = Args<typeof tf.layers.conv2d>;
export type RefDepthwiseConv2DArgs = Args<typeof tf.layers.depthwiseConv2d>;
export type RefGroupedConv2DArgs = RefConv2DArgs & { groups?: number };

/** Conv2D with the kernel W_t; arguments are tf.layers' and `reparameterization`, {@link RefConvLayerOptions}. */
export const RefConv2D = refocusing.layers.Conv2D as new (args: RefConv2DArgs) => RefConvLayer;
/** DepthwiseConv2D with the kernel W_t. */
export const RefDepthwiseConv2D = refocusing.layers.DepthwiseConv2D as new (
  args: RefDepthwiseConv2DArgs,
) => RefConvLayer;
/** GroupedConv2D with the kernel W_t. */
export const RefGroupedConv2D = refocusing.layers.GroupedConv2D as new (args: RefGroupedConv2DArgs) => RefConvLayer;

/**
 * Whether a layer is of RefConv.
 * @example
 * ```ts
 * const frozen = refocused.layers.filter(isRefConv).map((layer) => layer.name);
 * ```
 */
export function isRefConv(layer: tf.layers.Layer): layer is RefConvLayer {
  return Object.values(refocusing.layers).some((layerClass) => layer instanceof layerClass);
}

/**
 * A copy of a model with RefConv layers in the place of its spatial convolutions, over frozen copies of their kernels; the given model
 * stays as it is. See {@link reparameterize}.
 * @example
 * ```ts
 * const refocused = await refocus(model, { seed: 1 });
 * // … train it …
 * const merged = await merge(refocused);
 * ```
 */
export async function refocus(
  model: tf.LayersModel,
  { select, seed, onLeft, ...options }: RefocusOptions = {},
): Promise<tf.LayersModel> {
  return reparameterize(model, refconv(options), { select, seed, onLeft });
}

/**
 * The RefConv layers of a model, those of nested models too, each once.
 * @example
 * ```ts
 * const names = refconvLayers(refocused).map(({ name }) => name);
 * ```
 */
export function refconvLayers(model: tf.LayersModel): RefConvLayer[] {
  return reparameterizedLayers(model).filter(isRefConv);
}

/**
 * How many numbers the bases and the maps of a model hold. W_r has k²·Cin·Cout a layer, whatever its groups.
 * @example
 * ```ts
 * const { basis, map } = refconvParameters(refocused); // frozen numbers, learned ones
 * ```
 */
export function refconvParameters(model: tf.LayersModel): { basis: number; map: number } {
  const layers = refconvLayers(model);
  const sum = (weight: 'basis' | 'convmap') => layers.reduce((total, layer) => total + layer[weight].read().size, 0);
  return { basis: sum('basis'), map: sum('convmap') };
}

/**
 * W_r in the official code's shape, (Cout·Cin/g, g, k, k): the value of `<layer name>.convmap.weight` in weight files.
 * @example
 * ```ts
 * for (const layer of refconvLayers(refocused)) console.log(layer.name, officialConvmap(layer).shape);
 * ```
 */
export function officialConvmap(layer: RefConvLayer): tf.Tensor4D {
  return toOfficialConvmap(layer.convmap.read(), layer.layout);
}

/**
 * Sets W_r from the official code's shape; the tensor remains the caller's.
 * @throws RangeError where the shape is another.
 * @example
 * ```ts
 * import { readWeights } from '@refconv/weights';
 * const state = await readWeights('official.pth');
 * for (const layer of refconvLayers(refocused)) {
 *   const { shape, data } = state.get(`${layer.name}.convmap.weight`)!;
 *   setOfficialConvmap(layer, tf.tensor4d(data, shape as [number, number, number, number]));
 * }
 * ```
 */
export function setOfficialConvmap(layer: RefConvLayer, official: tf.Tensor4D): void {
  const convmap = layer.convmap.read();
  const value = fromOfficialConvmap(official, convmap.shape, layer.layout);
  layer.convmap.write(value);
  value.dispose();
}
