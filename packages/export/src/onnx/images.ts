/** Layers of images: convolutions, pooling, padding, and what changes their size. */
import type { Tensor } from '@tensorflow/tfjs';
import { withActivation } from './activations.js';
import { type Converter, expectOption, given, type Site, writeWeight } from './converter.js';
import type { Value } from './graph.js';
import type { AttributeValue } from './proto.js';

/** Attributes of ONNX's operators. */
interface Window extends Record<string, number[]> {
  kernel_shape: number[];
  strides: number[];
}

/**
 * The zeros around the image. At stride 1 they do not depend on its size; otherwise ONNX is told to find them as TensorFlow does.
 */
function padding(padding: unknown, { kernel_shape, strides, dilations }: Window): Record<string, AttributeValue> {
  if (padding === 'valid') return {};
  if (strides.some((stride) => stride !== 1)) return { auto_pad: 'SAME_UPPER' };
  const total = kernel_shape.map((size, axis) => (size - 1) * (dilations?.[axis] ?? 1));
  return { pads: [...total.map((size) => Math.floor(size / 2)), ...total.map((size) => Math.ceil(size / 2))] };
}

/** [kh, kw, Cin, Cout] to PyTorch's [Cout, Cin, kh, kw]. */
const denseKernel = (kernel: Tensor) => kernel.transpose([3, 2, 0, 1]);

/** [kh, kw, C, m] to PyTorch's [C·m, 1, kh, kw]. */
function depthwiseKernel(kernel: Tensor): Tensor {
  const [height, width, channels, multiplier] = kernel.shape as [number, number, number, number];
  return kernel.transpose([2, 3, 0, 1]).reshape([channels * multiplier, 1, height, width]);
}

const channelsOf = ({ shape }: Value) => shape.at(-1) as number;

/** A convolution, with its activation. `weight` and `bias` are names in the graph. */
function convolution(site: Site, x: Value, weight: string, bias: string, group: number): Value {
  const { graph, name, config, shapes } = site;
  const window: Window = {
    kernel_shape: config.kernelSize as number[],
    strides: config.strides as number[],
    dilations: config.dilationRate as number[],
  };
  const inputs = given(graph.channelsFirst(x).name, weight, bias);
  const attributes = { ...window, ...padding(config.padding, window), group: { int: group } };
  const convolved = graph.operation('Conv', name, inputs, attributes);
  return withActivation(site, { name: convolved, shape: shapes[0], channelsFirst: true });
}

const dense: Converter = (site, [x]) => {
  const groups = (site.config.groups as number | undefined) ?? 1;
  const weight = writeWeight(site, 'kernel', 'weight', denseKernel);
  return convolution(site, x, weight, writeWeight(site, 'bias', 'bias'), groups);
};

const depthwise: Converter = (site, [x]) => {
  const weight = writeWeight(site, 'depthwise_kernel', 'weight', depthwiseKernel);
  return convolution(site, x, weight, writeWeight(site, 'bias', 'bias'), channelsOf(x));
};

const separable: Converter = (site, [x]) => {
  const depthwise = writeWeight(site, 'depthwise_kernel', 'depthwise.weight', depthwiseKernel);
  const pointwise = writeWeight(site, 'pointwise_kernel', 'pointwise.weight', denseKernel);
  const inner = { ...site, name: `${site.name}.depthwise`, config: { ...site.config, activation: 'linear' } };
  const filtered = convolution(inner, x, depthwise, '', channelsOf(x));
  const outer = { ...site, config: { ...site.config, kernelSize: [1, 1], strides: [1, 1], dilationRate: [1, 1] } };
  return convolution(outer, filtered, pointwise, writeWeight(site, 'bias', 'bias'), 1);
};

const pooling =
  (opType: string): Converter =>
  ({ graph, name, config, shapes }, [x]) => {
    const window: Window = { kernel_shape: config.poolSize as number[], strides: config.strides as number[] };
    const attributes = { ...window, ...padding(config.padding, window) };
    const pooled = graph.operation(opType, name, [graph.channelsFirst(x).name], attributes);
    return { name: pooled, shape: shapes[0], channelsFirst: true };
  };

const globalPooling =
  (opType: string): Converter =>
  ({ graph, name, shapes }, [x]) => {
    const axes = x.channelsFirst ? [2, 3] : [1, 2];
    const pooled = graph.operation(opType, name, [x.name], { axes, keepdims: { int: 0 } });
    return { name: pooled, shape: shapes[0], channelsFirst: false };
  };

const zeroPadding: Converter = ({ graph, name, config, shapes }, [x]) => {
  const [[top, bottom], [left, right]] = config.padding as [[number, number], [number, number]];
  const pads = graph.integers([0, 0, top, left, 0, 0, bottom, right]);
  const padded = graph.operation('Pad', name, [graph.channelsFirst(x).name, pads]);
  return { name: padded, shape: shapes[0], channelsFirst: true };
};

const cropping: Converter = ({ graph, name, config, shapes }, [x]) => {
  const [[top, bottom], [left, right]] = config.cropping as [[number, number], [number, number]];
  const end = (crop: number) => (crop === 0 ? 2 ** 31 - 1 : -crop);
  const [from, to] = [graph.integers([top, left]), graph.integers([end(bottom), end(right)])];
  const cropped = graph.operation('Slice', name, [graph.channelsFirst(x).name, from, to, graph.integers([2, 3])]);
  return { name: cropped, shape: shapes[0], channelsFirst: true };
};

const upSampling: Converter = ({ graph, name, config, shapes }, [x]) => {
  const scales = graph.numbers([1, 1, ...(config.size as [number, number])]);
  const nearest = config.interpolation !== 'bilinear';
  const resized = graph.operation('Resize', name, [graph.channelsFirst(x).name, '', scales], {
    mode: nearest ? 'nearest' : 'linear',
    coordinate_transformation_mode: 'asymmetric',
    ...(nearest && { nearest_mode: 'floor' }),
  });
  return { name: resized, shape: shapes[0], channelsFirst: true };
};

const bilinearResize: Converter = ({ graph, name, config, shapes }, [x]) => {
  const image = graph.channelsFirst(x).name;
  const kept = graph.operation('Shape', `${name}.kept`, [image], { end: { int: 2 } });
  const size = graph.integers([config.height as number, config.width as number]);
  const sizes = graph.operation('Concat', `${name}.sizes`, [kept, size], { axis: { int: 0 } });
  const resized = graph.operation('Resize', name, [image, '', '', sizes], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  });
  return { name: resized, shape: shapes[0], channelsFirst: true };
};

const imageLayers: Record<string, Converter> = {
  Conv2D: dense,
  GroupedConv2D: dense,
  DepthwiseConv2D: depthwise,
  DilatedDepthwiseConv2D: depthwise,
  SeparableConv2D: separable,
  MaxPooling2D: pooling('MaxPool'),
  AveragePooling2D: pooling('AveragePool'),
  GlobalAveragePooling2D: globalPooling('ReduceMean'),
  GlobalMaxPooling2D: globalPooling('ReduceMax'),
  ZeroPadding2D: zeroPadding,
  Cropping2D: cropping,
  UpSampling2D: upSampling,
  BilinearResize: bilinearResize,
};

/** tfjs-node computes in channelsLast alone. */
const ofChannelsLast =
  (convert: Converter): Converter =>
  (site, inputs) => {
    expectOption(site, 'dataFormat', 'channelsLast');
    return convert(site, inputs);
  };

export const imageConverters = Object.fromEntries(
  Object.entries(imageLayers).map(([name, convert]) => [name, ofChannelsLast(convert)]),
);
