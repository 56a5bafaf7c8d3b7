/** What a network costs: parameters, and multiply-adds of one image. */
import { type ConvolutionLayer, isSpatial, type RefConvOptions, refconv, type Selection } from '@refconv/refconv';
import type * as tf from '@tensorflow/tfjs';

export interface LayerCost {
  name: string;
  className: string;
  /** Of its kernel: [kh, kw, Cin/groups, Cout], depthwise [kh, kw, C, m], of a dense layer [inputs, outputs]. */
  kernel: number[];
  /** Multiply-adds of one image in a forward pass. */
  macs: number;
}

export interface Cost {
  /** Numbers that are trained. */
  trainable: number;
  /** Numbers that are not: moving statistics of batch norms, frozen bases. */
  frozen: number;
  /**
   * Multiply-adds of one image in a forward pass, of convolutions and dense layers alone, without biases; a RefConv layer's are those
   * of the convolution that it merges to.
   */
  macs: number;
  /** The layers that count, in the model's order; one that is used several times counts each time. */
  layers: LayerCost[];
}

const size = (shape: readonly (number | null)[]) => shape.reduce<number>((product, n) => product * (n as number), 1);

/** The classes that are counted, by the shape that the kernel is applied at each position of: the output's or the input's. */
const COUNTED: Record<string, 'output' | 'input'> = {
  Conv1D: 'output',
  Conv2D: 'output',
  Conv3D: 'output',
  Conv2DTranspose: 'input',
  Dense: 'output',
  DepthwiseConv2D: 'output',
  GroupedConv2D: 'output',
};
/** Layers of packages/refconv cost what the plain ones do that they stand for. */
const plainClass = (layer: tf.layers.Layer) =>
  (layer as Partial<{ plainClass: string }>).plainClass ?? layer.getClassName();

const KERNEL = /(^|\/)(depthwise_)?kernel(_\d+)?$/;

/** The layers of a model that hold weights themselves, those of nested models too, and how often a nested model is used. */
function* leaves(layer: tf.layers.Layer, uses = 1): Generator<{ layer: tf.layers.Layer; uses: number }> {
  const { layers } = layer as Partial<tf.LayersModel>;
  if (!layers) yield { layer, uses };
  for (const inner of layers ?? []) {
    // A model's first node is its own.
    yield* leaves(inner, 'layers' in inner ? uses * (inner.inboundNodes.length - 1) : uses);
  }
}

function layerCost({ layer, uses }: { layer: tf.layers.Layer; uses: number }): LayerCost[] {
  const className = plainClass(layer);
  const kernel = layer.weights.find(({ originalName }) => KERNEL.test(originalName))?.shape as number[] | undefined;
  const side = COUNTED[className];
  if (!kernel || !side) return [];
  return Array.from({ length: uses }, () => layer.inboundNodes).flatMap((nodes) =>
    nodes.map(({ inputShapes, outputShapes }) => {
      const [shape] = [side === 'output' ? outputShapes : inputShapes].flat() as [number[]];
      const positions = size((Array.isArray(shape) ? shape : [shape]).slice(1, -1));
      if (!Number.isFinite(positions) || positions === 0) {
        throw new Error(
          `The cost of ${layer.name} is not known: its ${side} has the shape [${shape}]. Give the model an input of known size.`,
        );
      }
      return { name: layer.name, className: layer.getClassName(), kernel, macs: positions * size(kernel) };
    }),
  );
}

/**
 * What a model costs.
 * @throws where an input's height or width is not known.
 */
export function cost(model: tf.LayersModel): Cost {
  const layers = [...leaves(model)].flatMap(layerCost);
  const count = (weights: tf.LayersModel['weights']) => weights.reduce((sum, { shape }) => sum + size(shape), 0);
  return {
    trainable: count(model.trainableWeights),
    frozen: count(model.nonTrainableWeights),
    macs: layers.reduce((sum, { macs }) => sum + macs, 0),
    layers,
  };
}

export interface RefocusedLayer {
  name: string;
  kernel: number[];
  strides: number[];
  /** Numbers in W_b, which is frozen. */
  basis: number;
  /** Numbers in W_r. */
  map: number;
  /** Multiply-adds of W_r ∗ W_b, once a step whatever the batch. */
  mapMacs: number;
}

export interface RefConvCost {
  layers: RefocusedLayer[];
  basis: number;
  map: number;
  mapMacs: number;
  /** Numbers that are trained once the model is refocused. */
  trainable: number;
}

/**
 * What `refocus(model, options)` would make of a plain model, without making it.
 * @param select which convolutions; default: as `refocus` does.
 */
export function refconvCost(model: tf.LayersModel, options: RefConvOptions = {}, select?: Selection): RefConvCost {
  const { refusal } = refconv(options);
  const { mapKernel = 3 } = options;
  const taken = [...leaves(model)]
    .map(({ layer }) => layer)
    .filter((layer): layer is ConvolutionLayer => {
      if (!['Conv2D', 'DepthwiseConv2D', 'GroupedConv2D'].includes(layer.getClassName())) return false;
      const convolution = layer as ConvolutionLayer;
      return select ? select(convolution) : isSpatial(convolution) && refusal(convolution) === undefined;
    });
  const layers = taken.map((layer): RefocusedLayer => {
    const kernel = layer.weights[0]?.shape as [number, number, number, number];
    const [height, width, inputs, outputs] = kernel;
    const { groups = 1 } = layer as Partial<{ groups: number }>;
    const [seen, made] =
      layer.getClassName() === 'DepthwiseConv2D' ? [inputs, inputs * outputs] : [inputs * groups, outputs];
    const map = mapKernel ** 2 * seen * made;
    const { name, strides } = layer;
    return { name, kernel, strides, basis: size(kernel), map, mapMacs: map * height * width };
  });
  const sum = (key: 'basis' | 'map' | 'mapMacs') => layers.reduce((total, layer) => total + layer[key], 0);
  const [basis, map] = [sum('basis'), sum('map')];
  const frozenBasis = options.trainableBasis ? 0 : basis;
  return { layers, basis, map, mapMacs: sum('mapMacs'), trainable: cost(model).trainable - frozenBasis + map };
}
