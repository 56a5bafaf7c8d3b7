/** Values as they cross between JavaScript and TensorFlow. */
import type { TensorInfo } from '@tensorflow/tfjs';
import { backend } from './backend.js';
import { DType, dtypeNumber, type NativeTensor } from './native.js';

/** Views bytes that TensorFlow gave as the typed array in which tfjs keeps that element type. */
export function typedArray(dtype: number, data: ArrayBuffer): Float32Array | Int32Array | Uint8Array {
  switch (dtype) {
    case DType.float32:
      return new Float32Array(data);
    case DType.int32:
      return new Int32Array(data);
    case DType.int64:
      return Int32Array.from(new BigInt64Array(data), Number);
    case DType.bool:
      return new Uint8Array(data);
    case DType.uint8:
      return Int32Array.from(new Uint8Array(data));
    default:
      throw new Error(
        `TensorFlow gave a tensor of type number ${dtype}; expected float32, int32, int64, uint8 or bool.`,
      );
  }
}

/**
 * A tfjs tensor as it is fed to TensorFlow or written into a graph. What tfjs calls int32, TensorFlow may have made as int64 or
 * uint8.
 */
export function nativeTensor(tensor: TensorInfo): NativeTensor {
  const dtype = dtypeNumber(tensor.dtype);
  const data = backend.readSync(tensor.dataId);
  return { dtype, shape: tensor.shape, data: dtype === DType.int32 ? asInt32(data) : data };
}

function asInt32(data: NativeTensor['data']): NativeTensor['data'] {
  if (data instanceof BigInt64Array) return Int32Array.from(data, Number);
  return data instanceof Uint8Array ? Int32Array.from(data) : data;
}
