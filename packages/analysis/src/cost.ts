/** What a network costs: parameters, and multiply-adds of one image. */
import { reparameterizedLayers } from '@refconv/refconv';
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

const numbersOf = (weights: tf.LayersModel['weights']) => weights.reduce((sum, { shape }) => sum + size(shape), 0);

/** The classes that are counted, by the shape that the kernel is applied at each position of: the output's or the input's. */
const COUNTED: Record<string, 'output' | 'input'> = {
  Conv1D: 'output',
  Conv2D: 'output',
  Conv3D: 'output',
  Conv2DTranspose: 'input',
  Dense: 'output',
  DepthwiseConv2D: 'output',
  DilatedDepthwiseConv2D: 'output',
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
 * @example
 * ```ts
 * const { trainable, macs, layers } = cost(model); // parameters, and multiply-adds of one image
 * ```
 */
export function cost(model: tf.LayersModel): Cost {
  const layers = [...leaves(model)].flatMap(layerCost);
  return {
    trainable: numbersOf(model.trainableWeights),
    frozen: numbersOf(model.nonTrainableWeights),
    macs: layers.reduce((sum, { macs }) => sum + macs, 0),
    layers,
  };
}

/** A layer of a re-parameterised model. */
export interface TrainingLayerCost {
  name: string;
  /** The method's name. */
  method: string;
  /** Of the convolution that it stands for: [kh, kw, Cin/groups, Cout], depthwise [kh, kw, C, m]. */
  kernel: number[];
  strides: number[];
  /** Without the bias that the plain convolution has too: of RefConv, W_r. */
  trainable: number;
  frozen: number;
  /** Multiply-adds in training: of one image, and of the functions of the weights, once a step whatever the batch. */
  macs: { image: number; step: number };
}

export interface TrainingCost {
  trainable: number;
  frozen: number;
  /** Of the whole model, forward: for one image, and once a step. */
  macs: { image: number; step: number };
  /** The re-parameterised layers, each once. */
  layers: TrainingLayerCost[];
}

/**
 * What a re-parameterised model costs in training; of a plain model, what {@link cost} says.
 * @throws where an input's height or width is not known.
 * @example
 * ```ts
 * const { image, step } = trainingCost(refocused).macs; // W_r's share comes once a step, whatever the batch
 * ```
 */
export function trainingCost(model: tf.LayersModel): TrainingCost {
  const plain = cost(model);
  const layers = reparameterizedLayers(model).map((layer): TrainingLayerCost => {
    const { name, method, strides, trainableWeights, nonTrainableWeights } = layer;
    const kernel = layer.weights.find(({ originalName }) => KERNEL.test(originalName))?.shape as number[];
    const learned = trainableWeights.filter(({ originalName }) => !/(^|\/)bias(_\d+)?$/.test(originalName));
    const [trainable, frozen] = [numbersOf(learned), numbersOf(nonTrainableWeights)];
    return { name, method, kernel, strides, trainable, frozen, macs: layer.trainingMacs() };
  });
  const names = new Set(layers.map(({ name }) => name));
  const untouched = plain.layers.reduce((sum, { name, macs }) => sum + (names.has(name) ? 0 : macs), 0);
  const sum = (key: 'image' | 'step') => layers.reduce((total, { macs }) => total + macs[key], 0);
  const { trainable, frozen } = plain;
  return { trainable, frozen, macs: { image: untouched + sum('image'), step: sum('step') }, layers };
}

/** The arithmetic of one training step, in floating-point operations: 2 a multiply-add. */
export interface StepCost {
  forward: number;
  /** Of images and weights, each as much as forward; a map over a frozen basis has no gradient of the basis. */
  backward: number;
  /** What of both belongs to functions of the weights, such as RefConv's map: the same whatever the batch. */
  weights: number;
  total: number;
}

/**
 * What a training step with so many images computes, in convolutions, dense layers and functions of weights; batch norms, activations and
 * the optimiser, which are not multiply-adds, are left out, as is usual.
 * @throws RangeError where the batch size is no whole number from 1.
 * @example
 * ```ts
 * const { forward, backward, total } = stepCost(model, 128);
 * ```
 */
export function stepCost(
  model: tf.LayersModel,
  batchSize: number,
  {
    attacked = false,
  }: {
    /** By one step before, as in adversarial training: once more forward, and backward for the images alone. Default: false. */
    attacked?: boolean;
  } = {},
): StepCost {
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    throw new RangeError(`batchSize must be a whole number from 1; given ${batchSize}.`);
  }
  const { macs, layers } = trainingCost(model);
  const images = 2 * batchSize * macs.image;
  const frozenMaps = layers.reduce((sum, { frozen, macs }) => sum + (frozen > 0 ? macs.step : 0), 0);
  const [mapForward, mapBackward] = [2 * macs.step, 2 * (2 * macs.step - frozenMaps)];
  const passes = attacked ? 2 : 1;
  const forward = passes * (images + mapForward);
  const backward = (passes + 1) * images + mapBackward;
  return { forward, backward, weights: passes * mapForward + mapBackward, total: forward + backward };
}
