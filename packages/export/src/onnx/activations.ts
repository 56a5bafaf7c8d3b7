/** Activations: as layers, and as options of other layers. */
import { type Converter, named, readWeight, type Site, writeWeight } from './converter.js';
import type { OnnxGraph, Value } from './graph.js';
import type { AttributeValue } from './proto.js';

type Function = (graph: OnnxGraph, x: string, name: string) => string;

const single =
  (opType: string, attributes: Record<string, AttributeValue> = {}): Function =>
  (graph, x, name) =>
    graph.operation(opType, name, [x], attributes);

const clip =
  (from: number, to: number): Function =>
  (graph, x, name) =>
    graph.operation('Clip', name, [x, graph.scalar(from), graph.scalar(to)]);

const gelu: Function = (graph, x, name) => {
  const scaled = graph.operation('Mul', `${name}.scaled`, [x, graph.scalar(Math.SQRT1_2)]);
  const erf = graph.operation('Erf', `${name}.erf`, [scaled]);
  const doubled = graph.operation('Add', `${name}.doubled`, [erf, graph.scalar(1)]);
  return graph.operation('Mul', name, [graph.operation('Mul', `${name}.half`, [x, graph.scalar(0.5)]), doubled]);
};

/** GELU by tanh, as tfjs's gelu_new: x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))). */
const geluByTanh: Function = (graph, x, name) => {
  const cubed = graph.operation('Mul', `${name}.cubed`, [graph.operation('Mul', `${name}.squared`, [x, x]), x]);
  const small = graph.operation('Mul', `${name}.small`, [cubed, graph.scalar(0.044715)]);
  const sum = graph.operation('Add', `${name}.sum`, [x, small]);
  const tanh = graph.operation('Tanh', `${name}.tanh`, [
    graph.operation('Mul', `${name}.scaled`, [sum, graph.scalar(Math.sqrt(2 / Math.PI))]),
  ]);
  const doubled = graph.operation('Add', `${name}.doubled`, [tanh, graph.scalar(1)]);
  return graph.operation('Mul', name, [graph.operation('Mul', `${name}.half`, [x, graph.scalar(0.5)]), doubled]);
};

/** x · f(x). */
const gated =
  (gate: (graph: OnnxGraph, x: string, name: string) => string): Function =>
  (graph, x, name) =>
    graph.operation('Mul', name, [x, gate(graph, x, `${name}.gate`)]);

/** By tfjs's name of an activation. */
const FUNCTIONS: Record<string, Function> = {
  linear: (_, x) => x,
  relu: single('Relu'),
  relu6: clip(0, 6),
  elu: single('Elu'),
  selu: single('Selu'),
  sigmoid: single('Sigmoid'),
  hardSigmoid: single('HardSigmoid', { alpha: { float: 0.2 }, beta: { float: 0.5 } }),
  tanh: single('Tanh'),
  softplus: single('Softplus'),
  softsign: single('Softsign'),
  swish: gated(single('Sigmoid')),
  mish: gated((graph, x, name) => single('Tanh')(graph, single('Softplus')(graph, x, `${name}.softplus`), name)),
  gelu,
  gelu_new: geluByTanh,
};

/** Those that look along the channels. */
const ALONG_CHANNELS: Record<string, string> = { softmax: 'Softmax', logSoftmax: 'LogSoftmax' };

/**
 * The activation of this name.
 * @param name the name of its operation.
 * @throws Error where it has no mapping.
 */
export function activated({ graph, layer }: Site, x: Value, activation: string, name: string): Value {
  const along = ALONG_CHANNELS[activation];
  if (along) return softmax(graph, along, x, name, -1);
  const write = FUNCTIONS[activation];
  if (!write)
    throw new Error(
      `The layer ${layer.name} has the activation ${activation}, which cannot be written to ONNX; those that can: ` +
        `${[...Object.keys(FUNCTIONS), ...Object.keys(ALONG_CHANNELS)].join(', ')}.`,
    );
  return named(x, write(graph, x.name, name));
}

/** The option `activation` of another layer: an operation of its own behind it. */
export function withActivation(site: Site, x: Value): Value {
  const { activation = 'linear' } = site.config;
  return activated(site, x, activation as string, `${site.name}.activation`);
}

function softmax(graph: OnnxGraph, opType: string, x: Value, name: string, axis: number): Value {
  const last = graph.channelsLast(x);
  return named(last, graph.operation(opType, name, [last.name], { axis: { int: axis } }));
}

/** A layer that is one function. */
const layer =
  (write: (config: Record<string, unknown>) => Function): Converter =>
  ({ graph, name, config }, [x]) =>
    named(x, write(config)(graph, x.name, name));

const number = (value: unknown) => ({ float: value as number });

export const activationLayers: Record<string, Converter> = {
  Activation: (site, [x]) => activated(site, x, site.config.activation as string, site.name),
  ReLU: layer(({ maxValue }) => (typeof maxValue === 'number' ? clip(0, maxValue) : single('Relu'))),
  LeakyReLU: layer(({ alpha }) => single('LeakyRelu', { alpha: number(alpha) })),
  ELU: layer(({ alpha }) => single('Elu', { alpha: number(alpha) })),
  ThresholdedReLU: layer(({ theta }) => single('ThresholdedRelu', { alpha: number(theta) })),
  Softmax: ({ graph, name, config }, [x]) => softmax(graph, 'Softmax', x, name, (config.axis as number) ?? -1),
  PReLU: (site, [x]) => {
    const image = x.shape.length === 4 && readWeight(site, 'alpha')?.rank === 3;
    const first = image ? site.graph.channelsFirst(x) : x;
    const alpha = writeWeight(site, 'alpha', 'weight', (weight) => (image ? weight.transpose([2, 0, 1]) : weight));
    return named(first, site.graph.operation('PRelu', site.name, [first.name, alpha]));
  },
  // packages/layers
  HardSigmoid: layer(() => single('HardSigmoid', { alpha: { float: 1 / 6 }, beta: { float: 0.5 } })),
  HardSwish: layer(() => single('HardSwish')),
};
