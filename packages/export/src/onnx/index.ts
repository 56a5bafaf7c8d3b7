/** tf.LayersModels as ONNX. */
import { writeFile } from 'node:fs/promises';
import { type ReplaceOption, writeWhole } from '@refconv/files';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs';
import { keysOf, outputKeys } from '../keys.js';
import { activationLayers } from './activations.js';
import { boxConverters } from './boxes.js';
import type { Converter } from './converter.js';
import { OnnxGraph, type Sizes, type Value } from './graph.js';
import { imageConverters } from './images.js';
import { otherConverters } from './others.js';

export interface OnnxOptions extends ReplaceOption {
  /** The layout of the images that go in, and of any that come out: [n, c, h, w] or [n, h, w, c]. Default: 'nchw'. */
  layout?: 'nchw' | 'nhwc';
}

/** By the class name that a layer saves under. */
const CONVERTERS: Readonly<Record<string, Converter>> = {
  ...imageConverters,
  ...otherConverters,
  ...boxConverters,
  ...activationLayers,
};

/**
 * Writes a model as an ONNX file (opset 17): what it evaluates, for batches of any size. It takes `image` [batch, c, h, w] and gives
 * `logits` [batch, classes], or `probabilities` where it ends in a softmax; a model of several inputs or outputs has those under the names of their layers. Operations have the names
 * of the layers; weights are named and laid out as PyTorch does: `<layer>.weight` [Cout, Cin/groups, kh, kw], `<bn>.running_mean`.
 * Sequential and nested models are written flat, a shared layer's weights once.
 * @throws Error where a layer's class, activation or option has no mapping, naming it; and if the file is there, unless `replace` is set.
 * @example
 * ```ts
 * await exportOnnx(merged, 'model.onnx', { replace: true });
 * ```
 */
export async function exportOnnx(model: LayersModel, path: string, options: OnnxOptions = {}): Promise<void> {
  const bytes = onnxModel(model, options.layout);
  await writeWhole(path, options, (unfinished) => writeFile(unfinished, bytes));
}

/** The bytes of the file that {@link exportOnnx} writes. */
export function onnxModel(model: LayersModel, layout: OnnxOptions['layout'] = 'nchw'): Uint8Array {
  if (layout !== 'nchw' && layout !== 'nhwc')
    throw new RangeError(`layout must be 'nchw' or 'nhwc'; given ${JSON.stringify(layout)}.`);
  const [inputNames, outputNames] = [keysOf(model.inputs, 'image'), outputKeys(model)];
  const graph = new OnnxGraph([...inputNames, ...outputNames]);
  const isFirst = ({ shape }: { shape: Sizes }) => layout === 'nchw' && shape.length === 4;
  const inputs = model.inputs.map((tensor, i) => graph.input(inputNames[i], tensor.shape, isFirst(tensor)));
  new Walk(graph).through(model, inputs).forEach((value, i) => {
    graph.output(outputNames[i], isFirst(value) ? graph.channelsFirst(value) : graph.channelsLast(value));
  });
  return graph.encode(model.name);
}

/** What tfjs's declarations leave out: the calls of a layer, each with its tensors. */
interface Called {
  inboundNodes: { inputTensors: SymbolicTensor[]; outputTensors: SymbolicTensor[] }[];
}

/** Writes models, following their tensors from the outputs back to the inputs. */
class Walk {
  /** Of each layer, the names of its weights. */
  private readonly written = new Map<layers.Layer, Map<string, string>>();

  constructor(private readonly graph: OnnxGraph) {}

  through(model: LayersModel, inputs: Value[]): Value[] {
    const values = new Map<number, Value>(model.inputs.map(({ id }, i) => [id, inputs[i] as Value]));
    const found = (tensor: SymbolicTensor): Value => {
      const known = values.get(tensor.id);
      if (known) return known;
      const { sourceLayer, nodeIndex } = tensor;
      const call = (sourceLayer as unknown as Called).inboundNodes[nodeIndex as number];
      if (!call?.inputTensors.length) throw new Error(`${model.name} has no input for ${sourceLayer.name}.`);
      const results = this.layer(sourceLayer, call.inputTensors.map(found), call.outputTensors);
      call.outputTensors.forEach(({ id }, i) => {
        values.set(id, results[i] as Value);
      });
      return values.get(tensor.id) as Value;
    };
    return model.outputs.map(found);
  }

  private layer(layer: layers.Layer, inputs: Value[], outputs: SymbolicTensor[]): Value[] {
    if ('layers' in layer) return this.through(layer as LayersModel, inputs);
    const className = layer.getClassName();
    const convert = Object.hasOwn(CONVERTERS, className) ? CONVERTERS[className] : undefined;
    if (!convert)
      throw new Error(
        `The layer ${layer.name} has the class ${className}, which cannot be written to ONNX` +
          `${'mergedWeights' in layer ? '; merge() the model first' : ''}. Those that can: ${Object.keys(CONVERTERS).join(', ')}.`,
      );
    const written = this.written.get(layer) ?? new Map<string, string>();
    this.written.set(layer, written);
    const { graph } = this;
    const { name } = layer;
    const shapes = outputs.map(({ shape }) => shape);
    const result = convert(
      { graph, layer, name, config: layer.getConfig(), shapes, written },
      inputs as [Value, ...Value[]],
    );
    return Array.isArray(result) ? result : [result];
  }
}
