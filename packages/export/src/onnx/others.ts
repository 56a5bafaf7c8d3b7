/** Layers that are not of images alone: dense ones, normalisation, shapes, channels, and the merging of several tensors. */
import { withActivation } from './activations.js';
import { type Converter, expectOption, given, named, type Site, writeWeight } from './converter.js';
import { axisOf, type Value } from './graph.js';

const dense: Converter = (site, [x]) => {
  const { graph, name, shapes } = site;
  const shape = shapes[0];
  const bias = writeWeight(site, 'bias', 'bias');
  const value = (name: string) => withActivation(site, { name, shape, channelsFirst: false });
  if (x.shape.length === 2) {
    const weight = writeWeight(site, 'kernel', 'weight', (kernel) => kernel.transpose());
    return value(graph.operation('Gemm', name, given(x.name, weight, bias), { transB: { int: 1 } }));
  }
  // MatMul cannot transpose: tfjs's layout, and its name.
  const weight = writeWeight(site, 'kernel', 'kernel');
  const product = graph.operation('MatMul', bias ? `${name}.product` : name, [graph.channelsLast(x).name, weight]);
  return value(bias ? graph.operation('Add', name, [product, bias]) : product);
};

const batchNorm: Converter = (site, [x]) => {
  const { graph, name, config } = site;
  expectOption(site, 'axis', -1, x.shape.length - 1);
  const first = x.shape.length === 4 ? graph.channelsFirst(x) : x;
  if (x.shape.length !== 4 && x.shape.length !== 2)
    throw new Error(`${name} normalises tensors of ${x.shape.length} axes; to ONNX it can be written for 2 and 4.`);
  const channels = x.shape.at(-1) as number;
  const weight = (own: string, torch: string, absent: number) => {
    const written = writeWeight(site, own, torch);
    return written || graph.numbers(new Array(channels).fill(absent));
  };
  const inputs = [
    weight('gamma', 'weight', 1),
    weight('beta', 'bias', 0),
    weight('moving_mean', 'running_mean', 0),
    weight('moving_variance', 'running_var', 1),
  ];
  const epsilon = { float: config.epsilon as number };
  return named(first, graph.operation('BatchNormalization', name, [first.name, ...inputs], { epsilon }));
};

const layerNorm: Converter = (site, [x]) => {
  const { graph, name, config } = site;
  expectOption(site, 'axis', -1, x.shape.length - 1);
  const last = graph.channelsLast(x);
  const scale = writeWeight(site, 'gamma', 'weight') || graph.numbers(new Array(x.shape.at(-1) as number).fill(1));
  const inputs = given(last.name, scale, writeWeight(site, 'beta', 'bias'));
  const attributes = { axis: { int: -1 }, epsilon: { float: config.epsilon as number } };
  return named(last, graph.operation('LayerNormalization', name, inputs, attributes));
};

/** A factor for each channel. */
const layerScale: Converter = (site, [x]) => {
  const image = x.shape.length === 4;
  const scaled = image ? site.graph.channelsFirst(x) : x;
  const scale = writeWeight(site, 'layer_scale', 'layer_scale', (weight) =>
    image ? weight.reshape([-1, 1, 1]) : weight,
  );
  return named(scaled, site.graph.operation('Mul', site.name, [scaled.name, scale]));
};

/** The batch is copied from the input, and one size may be open. */
const reshape: Converter = ({ graph, name, shapes }, [x]) => {
  const shape = shapes[0];
  const sizes = shape.slice(1).map((size) => size ?? -1);
  if (sizes.filter((size) => size === -1).length > 1)
    throw new Error(
      `${name} makes the shape [${shape}] of sizes that are open; give the model the size of its images.`,
    );
  const reshaped = graph.operation('Reshape', name, [graph.channelsLast(x).name, graph.integers([0, ...sizes])]);
  return { name: reshaped, shape, channelsFirst: false };
};

const permute: Converter = ({ graph, name, config, shapes }, [x]) => {
  const perm = [0, ...(config.dims as number[])];
  const permuted = graph.operation('Transpose', name, [graph.channelsLast(x).name], { perm });
  return { name: permuted, shape: shapes[0], channelsFirst: false };
};

/** The inputs in one layout: channelsFirst if any of them is. */
function alike(graph: Site['graph'], inputs: Value[]): Value[] {
  if (!inputs.some(({ channelsFirst }) => channelsFirst)) return inputs;
  return inputs.map((input) => graph.channelsFirst(input));
}

/** @throws Error where tfjs would reorder the axes to match. */
function expectOneRank(name: string, inputs: Value[]): void {
  const ranks = new Set(inputs.map(({ shape }) => shape.length));
  if (ranks.size > 1)
    throw new Error(
      `${name} merges tensors of ${[...ranks].join(' and ')} axes; to ONNX it can be written for the same number. Reshape them before.`,
    );
}

/** Two at a time, from the first on. */
const merging =
  (opType: string, finish?: (site: Site, sum: string, count: number) => string): Converter =>
  (site, inputs) => {
    const { graph, name, shapes } = site;
    expectOneRank(name, inputs);
    const [first, ...others] = alike(graph, inputs) as [Value, ...Value[]];
    const isLast = (i: number) => i === others.length - 1 && !finish;
    const merged = others.reduce(
      (result, { name: other }, i) => graph.operation(opType, isLast(i) ? name : `${name}.${i}`, [result, other]),
      first.name,
    );
    const result = finish ? finish(site, merged, inputs.length) : merged;
    return { name: result, shape: shapes[0], channelsFirst: first.channelsFirst };
  };

const concatenate: Converter = ({ graph, name, config, shapes }, inputs) => {
  const parts = alike(graph, inputs) as [Value, ...Value[]];
  // tfjs takes any negative axis for the last.
  const axis = axisOf(parts[0], Math.max((config.axis as number | undefined) ?? -1, -1));
  const names = parts.map(({ name }) => name);
  return {
    name: graph.operation('Concat', name, names, { axis: { int: axis } }),
    shape: shapes[0],
    channelsFirst: parts[0].channelsFirst,
  };
};

const channelShuffle: Converter = ({ graph, name, config }, [x]) => {
  const [channels, groups] = [x.shape.at(-1) as number, config.groups as number];
  const each = channels / groups;
  const from = Array.from({ length: channels }, (_, i) => (i % groups) * each + Math.floor(i / groups));
  const axis = { int: axisOf(x, -1) };
  return named(x, graph.operation('Gather', name, [x.name, graph.integers(from)], { axis }));
};

const channelSplit: Converter = ({ graph, name, config, shapes }, [x]) => {
  const sizes = config.sizes as number[];
  const inputs = [x.name, graph.integers(sizes)];
  const parts = graph.operations('Split', name, inputs, { axis: { int: axisOf(x, -1) } }, sizes.length);
  return parts.map((part, i) => ({ ...x, name: part, shape: shapes[i] }));
};

const channelSlice: Converter = ({ graph, name, config, shapes }, [x]) => {
  const [begin, size] = [config.begin as number, config.size as number];
  const inputs = [x.name, ...[begin, begin + size, axisOf(x, -1)].map((value) => graph.integers([value]))];
  return { ...x, name: graph.operation('Slice', name, inputs), shape: shapes[0] };
};

const rescaling: Converter = ({ graph, name, config }, [x]) => {
  const [scale, offset] = [config.scale as number, (config.offset as number | undefined) ?? 0];
  const scaled = graph.operation('Mul', `${name}.scaled`, [x.name, graph.scalar(scale)]);
  return named(x, graph.operation('Add', name, [scaled, graph.scalar(offset)]));
};

/** Layers that do nothing in evaluation. */
const nothing: Converter = (_, [x]) => x;

export const otherConverters: Record<string, Converter> = {
  Dense: dense,
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  LayerScale: layerScale,
  Flatten: reshape,
  Reshape: reshape,
  Permute: permute,
  Add: merging('Add'),
  Multiply: merging('Mul'),
  Maximum: merging('Max'),
  Minimum: merging('Min'),
  Average: merging('Add', ({ graph, name }, sum, count) => graph.operation('Div', name, [sum, graph.scalar(count)])),
  Concatenate: concatenate,
  ChannelShuffle: channelShuffle,
  ChannelSlice: channelSlice,
  ChannelSplit: channelSplit,
  Rescaling: rescaling,
  Dropout: nothing,
  SpatialDropout1D: nothing,
  GaussianNoise: nothing,
  GaussianDropout: nothing,
  AlphaDropout: nothing,
};
