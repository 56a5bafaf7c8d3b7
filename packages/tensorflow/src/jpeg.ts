/**
 * Decoding of JPEG files by TensorFlow's operations, for worker threads: of TensorFlow.js nothing is loaded here.
 * Its address, `import.meta.resolve('@refconv/tensorflow/jpeg')`, is what a loader takes as `jpegDecoder`.
 */
import { LOG_LEVEL, loadGraphBinding } from './graphBinding.js';
import { Attr, type Attribute, DType, type NativeGraph, type Output } from './native.js';
import { encode } from './proto.js';
import { findInstallation } from './setup/find.js';

const CONFIG = {
  deviceCount: { GPU: 0 },
  intraOpParallelismThreads: 1,
  // Below 0: on the calling thread.
  interOpParallelismThreads: -1,
  usePerSessionThreads: true,
};

const ONLY_FATAL = 3;

/** In pixels of the whole image. */
export interface Part {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A decoder of its own, with its own session; for one thread. */
export function createJpegDecoder(): JpegDecoder {
  return new JpegDecoder();
}

export class JpegDecoder {
  private readonly graph: NativeGraph;
  private readonly bytes: Output;
  private readonly window: Output;
  private readonly whole: Output;
  private readonly part: Output;
  private count = 0;

  /** @throws {Error} if TensorFlow has not been set up. */
  constructor() {
    const installation = findInstallation();
    if (!installation) throw new Error('TensorFlow is not ready; `npm run doctor` says more.');
    const binding = loadGraphBinding(installation);
    // What is wrong with a file is thrown; TensorFlow writes it to the terminal besides.
    if (LOG_LEVEL > 0) binding.setLogLevel(ONLY_FATAL);
    this.graph = new binding.Graph(encode('ConfigProto', CONFIG));
    this.bytes = this.add('Placeholder', [], placeholder(DType.string, []));
    this.window = this.add('Placeholder', [], placeholder(DType.int32, [4]));
    // Pillow's settings of libjpeg, so that the pixels are the same.
    const settings: Attribute[] = [
      { name: 'channels', type: Attr.int, value: 3 },
      { name: 'fancy_upscaling', type: Attr.bool, value: true },
      { name: 'dct_method', type: Attr.string, value: 'INTEGER_ACCURATE' },
    ];
    this.whole = this.add('DecodeJpeg', [this.bytes], settings);
    this.part = this.add('DecodeAndCropJpeg', [this.bytes, this.window], settings);
  }

  /**
   * `[height, width, 3]` of the part, or of the whole. What lies outside of the part is mostly not decoded.
   * @throws {Error} TensorFlow's message if the file is damaged, or of four components.
   */
  decode(bytes: Uint8Array, part?: Part): Uint8Array {
    const feeds = [{ output: this.bytes, dtype: DType.string, shape: [], data: [bytes] }];
    if (!part) return this.run(feeds, this.whole);
    const { left, top, width, height } = part;
    const window = {
      output: this.window,
      dtype: DType.int32,
      shape: [4],
      data: Int32Array.of(top, left, height, width),
    };
    return this.run([...feeds, window], this.part);
  }

  private run(feeds: Parameters<NativeGraph['run']>[0], output: Output): Uint8Array {
    const [result] = this.graph.run(feeds, [output], [], false).outputs;
    return new Uint8Array(result?.data as ArrayBuffer);
  }

  private add(type: string, inputs: Output[], attributes: Attribute[]): Output {
    const name = `${type}_${this.count++}`;
    return [this.graph.addOperation({ type, name, inputs, controls: [], attributes }).operation, 0];
  }
}

function placeholder(dtype: number, shape: number[]): Attribute[] {
  return [
    { name: 'dtype', type: Attr.type, value: dtype },
    { name: 'shape', type: Attr.shape, value: shape },
  ];
}
