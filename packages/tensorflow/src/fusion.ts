/**
 * Puts fused operations in the place of what is recorded. Operations that are then used no more stay in the graph without a reader, and
 * TensorFlow leaves them out.
 */
import { Attr, type Attribute, DType, type NativeTensor, type Output } from './native.js';

export interface RecordedOperation {
  op: string;
  inputs: Output[];
  attributes: Attribute[];
}

/** What has been recorded so far. */
export interface RecordedGraph {
  /** The operation that made an output. */
  producer(output: Output): RecordedOperation | undefined;
  shape(output: Output): number[];
  /** The value of a small constant. */
  constant(output: Output): NativeTensor | undefined;
  /** Adds a constant. */
  newConstant(tensor: NativeTensor): Output;
  /** Whether any operation reads it. */
  isRead(output: Output): boolean;
  /** The operations that read it. */
  readers(output: Output): number[];
  /** Adds an operation, and gives the first output's place. */
  add(operation: RecordedOperation): Output;
  /** Lets whatever asks for an output from now on have another one, of the same value. */
  replace(output: Output, by: Output): void;
}

/** The activations that the normalisation kernel knows, and their gradients, by its numbers. */
const ACTIVATIONS: Record<string, number> = { Relu: 1, Relu6: 2 };
const GRADIENTS: Record<string, number> = { ReluGrad: 1, Relu6Grad: 2 };

const FORWARD: Record<string, string> = {
  RefconvPointwise: 'RefconvFusedPointwise',
  RefconvDepthwise: 'RefconvFusedDepthwise',
};
const KERNEL_GRADIENTS: Record<string, { inputGradient: string; fused: string }> = {
  RefconvPointwiseKernelGrad: { inputGradient: 'RefconvPointwiseInputGrad', fused: 'RefconvPointwiseBackward' },
  RefconvDepthwiseKernelGrad: { inputGradient: 'RefconvDepthwiseInputGrad', fused: 'RefconvDepthwiseBackward' },
};

/** 1×1 kernels with more elements than this are bound by arithmetic, and their gradients need parts that fit into no cache. */
const LARGEST_KERNEL = 2 ** 16;

const numberOf = ({ attributes }: RecordedOperation, wanted: string, otherwise = 0) =>
  Number(attributes.find(({ name }) => name === wanted)?.value ?? otherwise);
const integer = (name: string, value: number): Attribute => ({ name, type: Attr.int, value });
const activationOf = (operation: RecordedOperation) => numberOf(operation, 'activation');
const same = (a: unknown, b: unknown) => String(a) === String(b);
const isSum = (op: string) => op === 'Add' || op === 'AddV2';
const other = ([operation]: Output, index: number): Output => [operation, index];

/** Images around which something lies, of which they are the part of this size that begins there. */
interface Unpadded {
  image: Output;
  begin: number[];
  size: number[];
}

const isAlike = (a: Omit<Unpadded, 'image'>, b: Omit<Unpadded, 'image'>) => same([a.begin, a.size], [b.begin, b.size]);

/** Finds what can be fused with an operation that is to be recorded; one for each recording. */
export class Fusion {
  /** What there is without what lies around it: gradients of padded images, and sums of padded ones. */
  private readonly unpadded = new Map<string, Unpadded>();
  /** The first parts of shuffled channels, by what was parted. */
  private readonly splits = new Map<string, Output>();

  constructor(private readonly graph: RecordedGraph) {}

  /** What to record in the place of an operation, or outputs that are there already. */
  fuse(given: RecordedOperation): RecordedOperation | Output[] {
    return (
      this.reshape(given) ??
      this.activation(given) ??
      this.activationGradient(given) ??
      this.paddedSum(given) ??
      this.normalizedSum(given) ??
      this.convolution(given) ??
      this.statistics(given) ??
      this.kernelGradient(given) ??
      this.slice(given) ??
      this.shuffle(given) ??
      this.shuffledSplit(given) ??
      this.decay(given) ??
      given
    );
  }

  /** A reshaping to the shape that there is already, as tfjs puts behind batch norms that do not train. */
  private reshape({ op, inputs }: RecordedOperation): Output[] | undefined {
    const [x, shape] = inputs as [Output, Output];
    // Arguments, variables and constants are read by what is recorded, and are no results themselves.
    if (op !== 'Reshape' || !this.graph.producer(x)) return undefined;
    return same(this.graph.constant(shape)?.data, this.graph.shape(x)) ? [x] : undefined;
  }

  /** The sum of a normalised x and something else becomes normalize(x) with an addend inside. */
  private normalizedSum({ op, inputs }: RecordedOperation): RecordedOperation | undefined {
    if (!isSum(op)) return undefined;
    const [first, second] = inputs as [Output, Output];
    if (!same(this.graph.shape(first), this.graph.shape(second))) return undefined;
    for (const [normalized, addend] of [
      [second, first],
      [first, second],
    ] as [Output, Output][]) {
      const source = this.graph.producer(normalized);
      if (source?.op !== 'RefconvNormalize' || numberOf(source, 'count') > 0 || activationOf(source) !== 0) continue;
      const attributes = [integer('activation', 0), integer('count', 1)];
      return { op: source.op, inputs: [...source.inputs, addend], attributes };
    }
    return undefined;
  }

  /** The sum of images that zeros or the like lie around, such as gradients of one padded image, is known without those. */
  private paddedSum(given: RecordedOperation): Output[] | undefined {
    const [first, second] = isSum(given.op) ? given.inputs.map((input) => this.unpaddedOf(input)) : [];
    if (!first || !second || !isAlike(first, second)) return undefined;
    const sum = this.graph.add(given);
    this.setSum(sum, given, [first, second]);
    return [sum];
  }

  private setSum(sum: Output, operation: RecordedOperation, parts: [Unpadded, Unpadded]): void {
    const image = this.graph.add({ ...operation, inputs: parts.map(({ image }) => image) });
    this.unpadded.set(String(sum), { ...parts[0], image });
  }

  /** activation(normalize(x)) becomes normalize(x) with the activation inside. */
  private activation({ op, inputs }: RecordedOperation): RecordedOperation | undefined {
    const activation = ACTIVATIONS[op];
    const source = activation ? this.graph.producer(inputs[0] as Output) : undefined;
    if (!activation || source?.op !== 'RefconvNormalize' || activationOf(source) !== 0) return undefined;
    return { ...source, attributes: [integer('activation', activation), integer('count', numberOf(source, 'count'))] };
  }

  /** The gradient of a normalisation whose dy comes through its activation's gradient takes the dy before it. */
  private activationGradient({ op, inputs }: RecordedOperation): RecordedOperation | undefined {
    if (op !== 'RefconvNormalizeGrad') return undefined;
    const source = this.graph.producer(inputs[0] as Output);
    const gradient = source && GRADIENTS[source.op];
    if (!gradient) return undefined;
    const [dy, activated] = source.inputs as [Output, Output];
    const forward = this.graph.producer(activated);
    // The same normalisation: of this x, with these scale, offset and statistics.
    if (forward?.op !== 'RefconvNormalize' || !same(forward.inputs, inputs.slice(1))) return undefined;
    if (activationOf(forward) !== gradient) return undefined;
    return { op, inputs: [dy, ...inputs.slice(1)], attributes: [integer('activation', gradient)] };
  }

  /** A convolution takes what its images are normalised and padded from. */
  private convolution(given: RecordedOperation): RecordedOperation | undefined {
    const { op, inputs } = given;
    const fused = FORWARD[op];
    if (!fused) return undefined;
    const [x, filter, ...rest] = inputs as [Output, Output, ...Output[]];
    const { images, placed } = this.unpad(x, given);
    const { image, norm, activation } = this.isSmall(filter)
      ? this.denormalized(images)
      : { image: images, norm: [], activation: 0 };
    if (image === x) return undefined;
    return {
      op: fused,
      inputs: [image, filter, ...rest, ...norm],
      attributes: [...placed, integer('count', norm.length), integer('image_activation', activation)],
    };
  }

  /** Statistics of a convolution's result are summed while it is computed. */
  private statistics({ op, inputs, attributes }: RecordedOperation): RecordedOperation | undefined {
    if (op !== 'RefconvBatchStatistics') return undefined;
    const [x, ...running] = inputs as [Output, ...Output[]];
    const source = this.graph.producer(x);
    const fused = source && (FORWARD[source.op] ?? Object.values(FORWARD).find((name) => name === source.op));
    if (!fused || this.graph.isRead(x)) return undefined;
    const count = source.op === fused ? [] : [integer('count', 0)];
    const y = this.graph.add({
      op: fused,
      inputs: source.inputs,
      attributes: [...source.attributes, ...count, integer('statistics', 1)],
    });
    this.graph.replace(x, y);
    return { op: 'RefconvFinishStatistics', inputs: [y, ...running, other(y, 1), other(y, 2)], attributes };
  }

  /**
   * The gradients of a convolution's images and of its kernel are computed together, from the gradient of its result's normalised
   * value, and beside them the sums that the normalisation of the images needs.
   */
  private kernelGradient(given: RecordedOperation): Output[] | undefined {
    const kinds = KERNEL_GRADIENTS[given.op];
    if (!kinds) return undefined;
    const [x, dy, filter] = given.inputs as [Output, Output, Output];
    const norm = this.graph.producer(dy);
    if (norm?.op !== 'RefconvNormalizeGrad' || dy[1] !== 0 || !this.isSmall(filter)) return undefined;
    const [dscale, doffset] = [other(dy, 1), other(dy, 2)];
    // The gradient of the images has been recorded just before, and nothing else looks at what is replaced.
    const [inputGradient, ...more] = this.graph.readers(dy);
    if (inputGradient === undefined || more.length > 0) return undefined;
    const dx: Output = [inputGradient, 0];
    const before = this.graph.producer(dx);
    if (before?.op !== kinds.inputGradient || !same(before.inputs, [dy, filter, x])) return undefined;
    if ([dscale, doffset].some((output) => this.graph.isRead(output))) return undefined;
    // It may have been read once, as another gradient of the images has been added to it: then that is done again.
    const [reader, ...others] = this.graph.readers(dx);
    const sum = reader === undefined ? undefined : ([reader, 0] as Output);
    const adding = sum && this.graph.producer(sum);
    if (others.length > 0 || (sum && this.graph.isRead(sum))) return undefined;

    const { images, placed, pads } = this.unpad(x, given);
    const around = pads && { begin: pads, size: this.graph.shape(images) };
    const addend = around && adding && isSum(adding.op) && adding.inputs.find((input) => !same(input, dx));
    const beside = addend ? this.unpaddedOf(addend) : undefined;
    if (around && adding && !(beside && isAlike(beside, around))) return undefined;
    const { image, norm: imageNorm, activation: imageActivation } = this.denormalized(images);
    if (given.op === 'RefconvDepthwiseKernelGrad' && !this.staysInside(placed, images, dy)) return undefined;
    const sums = this.sumsOf(norm);
    const fused = this.graph.add({
      op: kinds.fused,
      inputs: [...norm.inputs, ...sums, filter, image, ...imageNorm],
      attributes: [
        ...placed,
        integer('activation', activationOf(norm)),
        integer('count', imageNorm.length),
        integer('image_activation', imageActivation),
      ],
    });
    this.graph.replace(dscale, sums[0]);
    this.graph.replace(doffset, sums[1]);
    if (around) {
      const gradient = { image: fused, ...around };
      this.unpadded.set(String(dx), gradient);
      if (sum && adding && beside) this.setSum(sum, adding, [gradient, beside]);
    } else if (sum && adding) {
      const inputs = adding.inputs.map((input) => (same(input, dx) ? fused : input));
      this.graph.replace(sum, this.graph.add({ ...adding, inputs }));
    } else this.graph.replace(dx, fused);
    return [other(fused, 1)];
  }

  /** The gradient of padding, and what was padded before. */
  private slice({ op, inputs }: RecordedOperation): Output[] | undefined {
    if (op !== 'Slice') return undefined;
    const [x, begin, size] = inputs as [Output, Output, Output];
    const known = this.unpaddedOf(x);
    if (!known || !this.graph.producer(known.image)) return undefined;
    const values = (output: Output) => this.graph.constant(output)?.data;
    return same(values(begin), known.begin) && same(values(size), known.size) ? [known.image] : undefined;
  }

  /**
   * A shuffle of channels, [.., c] as matrices [rows, columns] that are transposed, as one operation; it stands at the last reshape, and reads what its
   * channels were concatenated from.
   */
  private shuffle({ op, inputs }: RecordedOperation): RecordedOperation | undefined {
    const [x, shape] = inputs as [Output, Output];
    const transposed = op === 'Reshape' ? this.graph.producer(x) : undefined;
    if (transposed?.op !== 'RefconvTransposeEach') return undefined;
    const [matrices] = transposed.inputs as [Output];
    const reshaped = this.graph.producer(matrices);
    if (reshaped?.op !== 'Reshape') return undefined;
    const [image] = reshaped.inputs as [Output];
    const [rows = 0, columns = 0] = this.graph.shape(matrices).slice(-2);
    const wanted = this.graph.shape(image);
    if (wanted.at(-1) !== rows * columns || !same(this.graph.constant(shape)?.data, wanted)) return undefined;
    const parts = this.channelParts(image);
    return {
      op: 'RefconvShuffle',
      inputs: [...parts, this.channels(rows * columns)],
      attributes: [integer('parts', parts.length), integer('rows', rows)],
    };
  }

  /** Shuffled channels that are parted at once. tfjs may ask for the same parts several times. */
  private shuffledSplit({ op, inputs }: RecordedOperation): Output[] | undefined {
    const [x, sizes, axis] = inputs as [Output, Output, Output];
    const source = op === 'SplitV' ? this.graph.producer(x) : undefined;
    if (source?.op !== 'RefconvShuffle' || !this.isLastAxis(axis, x)) return undefined;
    const pieces = this.numbers(sizes);
    if (pieces.length !== 2 || this.graph.isRead(x)) return undefined;
    const key = `${x}: ${pieces}`;
    const known = this.splits.get(key);
    if (known) return [known, other(known, 1)];
    const likes = pieces.map((count) => this.channels(count));
    const parted = this.graph.add({
      op: 'RefconvShuffleSplit',
      inputs: [...source.inputs.slice(0, -1), ...likes],
      attributes: source.attributes,
    });
    this.splits.set(key, parted);
    return [parted, other(parted, 1)];
  }

  /** A gradient that is a product with few rows is computed with what weight decay adds to it. */
  private decay({ op, inputs, attributes }: RecordedOperation): RecordedOperation | undefined {
    const [gradient, variable] = inputs as [Output, Output];
    const reshaped = op === 'RefconvDecayedGradient' ? this.graph.producer(gradient) : undefined;
    if (reshaped?.op !== 'Reshape') return undefined;
    const [matrix, shape] = reshaped.inputs as [Output, Output];
    const source = this.graph.producer(matrix);
    if (source?.op !== 'RefconvThinTransposedProduct') return undefined;
    if (this.graph.isRead(gradient) || this.graph.readers(matrix).length > 1) return undefined;
    const decayed = this.graph.add({
      op: source.op,
      inputs: [...source.inputs, variable],
      attributes: [...attributes, integer('count', 1)],
    });
    return { op: 'Reshape', inputs: [decayed, shape], attributes: reshaped.attributes };
  }

  /** What channels were concatenated from; of anything else itself. */
  private channelParts(x: Output): Output[] {
    const source = this.graph.producer(x);
    const isJoined = source?.op === 'ConcatV2' && this.isLastAxis(source.inputs.at(-1) as Output, x);
    return isJoined ? source.inputs.slice(0, -1) : [x];
  }

  private isLastAxis(axis: Output, x: Output): boolean {
    const [number] = this.numbers(axis);
    return number === -1 || number === this.graph.shape(x).length - 1;
  }

  /** The numbers of a small constant. */
  private numbers(output: Output): number[] {
    return Array.from((this.graph.constant(output)?.data ?? []) as Int32Array);
  }

  /** A tensor of so many channels, which tells a shape. */
  private channels(count: number): Output {
    return this.graph.newConstant({ dtype: DType.float32, shape: [count], data: new Float32Array(count) });
  }

  private isSmall(filter: Output): boolean {
    return this.graph.shape(filter).reduce((a, b) => a * b) <= LARGEST_KERNEL;
  }

  /** What images are normalised from, and how. */
  private denormalized(images: Output): { image: Output; norm: Output[]; activation: number } {
    const source = this.graph.producer(images);
    if (source?.op !== 'RefconvNormalize' || numberOf(source, 'count') > 0)
      return { image: images, norm: [], activation: 0 };
    const [image, ...norm] = source.inputs as [Output, ...Output[]];
    return { image, norm, activation: activationOf(source) };
  }

  /** The images before zeros were put around them, and the attributes of a depthwise kernel with the zeros in them. */
  private unpad(x: Output, given: RecordedOperation): { images: Output; placed: Attribute[]; pads?: number[] } {
    const none = { images: x, placed: given.attributes };
    const padded = given.op.startsWith('RefconvDepthwise') ? this.paddingOf(x) : undefined;
    if (!padded) return none;
    const { image: images, begin: pads } = padded;
    const [, top, left] = pads as [number, number, number, number];
    const moved = { pad_top: top, pad_left: left } as Record<string, number>;
    const placed = given.attributes.map((attribute) =>
      integer(attribute.name, Number(attribute.value) + (moved[attribute.name] ?? 0)),
    );
    return { images, placed, pads };
  }

  /** What zeros were put around, above, below, left and right of it. */
  private paddingOf(x: Output): Unpadded | undefined {
    const source = this.graph.producer(x);
    if (source?.op !== 'Pad' && source?.op !== 'PadV2') return undefined;
    const [image, paddings, value] = source.inputs as [Output, Output, Output | undefined];
    const numbers = this.graph.constant(paddings)?.data as Int32Array | undefined;
    const filling = value ? (this.graph.constant(value)?.data as Float32Array | undefined) : [0];
    if (numbers?.length !== 8 || filling?.[0] !== 0 || [0, 1, 6, 7].some((i) => numbers[i] !== 0)) return undefined;
    return { image, begin: [0, numbers[2] as number, numbers[4] as number, 0], size: this.graph.shape(image) };
  }

  private unpaddedOf(x: Output): Unpadded | undefined {
    return this.unpadded.get(String(x)) ?? this.paddingOf(x);
  }

  /** Whether every window of a depthwise kernel meets the image, as the fused gradient needs it. */
  private staysInside(attributes: Attribute[], images: Output, dy: Output): boolean {
    const number = (name: string, otherwise?: number) => numberOf({ op: '', inputs: [], attributes }, name, otherwise);
    const [stride, reach] = [number('stride'), (number('kernel') - 1) * number('dilation', 1)];
    const [image, result] = [this.graph.shape(images), this.graph.shape(dy)];
    return ['pad_top', 'pad_left'].every((name, axis) => {
      const [before, size, count] = [number(name), image[axis + 1] as number, result[axis + 1] as number];
      return before >= 0 && before <= reach && (count - 1) * stride - before < size;
    });
  }

  /** The gradients of scale and offset of a normalisation, perhaps from the operation that made its dy. */
  private sumsOf(norm: RecordedOperation): [Output, Output] {
    const [dz, y, ...parameters] = norm.inputs as [Output, Output, ...Output[]];
    const source = this.graph.producer(dz);
    if (source && dz[1] === 0 && Object.values(KERNEL_GRADIENTS).some(({ fused }) => fused === source.op)) {
      const known = same(source.inputs.slice(9), [y, ...parameters]) && numberOf(source, 'count') === parameters.length;
      if (known && numberOf(source, 'image_activation') === activationOf(norm)) return [other(dz, 2), other(dz, 3)];
    }
    const sums = this.graph.add({ ...norm, op: 'RefconvNormalizeSums' });
    return [sums, other(sums, 1)];
  }
}
