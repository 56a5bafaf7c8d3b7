/** The element types of tensors in files, and their values as float32. A little-endian machine is assumed, as tfjs does. */
import { Float16Array } from '@petamoriken/float16';

/** Bytes per element, by safetensors' names of the types. */
export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type ElementType = keyof typeof ELEMENT_BYTES;

export function isElementType(name: unknown): name is ElementType {
  return typeof name === 'string' && Object.hasOwn(ELEMENT_BYTES, name);
}

/**
 * The values as float32, a copy. Integers beyond 2^24 and doubles are rounded to the nearest float32; bfloat16 and float16 are exact.
 * @param bytes a whole number of elements; need not be aligned
 */
export function toFloat32(type: ElementType, bytes: Uint8Array): Float32Array {
  const { buffer } = Uint8Array.from(bytes);
  switch (type) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer));
    case 'F16':
      return Float32Array.from(new Float16Array(buffer));
    case 'BF16':
      // The upper half of a float32.
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer) as unknown as ArrayLike<bigint>, Number);
    case 'I32':
      return Float32Array.from(new Int32Array(buffer));
    case 'I16':
      return Float32Array.from(new Int16Array(buffer));
    case 'I8':
      return Float32Array.from(new Int8Array(buffer));
    case 'U8':
      return Float32Array.from(new Uint8Array(buffer));
    case 'BOOL':
      return Float32Array.from(new Uint8Array(buffer), (value) => (value ? 1 : 0));
  }
}

/** The most axes a tensor may have: PyTorch's own limit in most kernels is lower. */
export const MAX_RANK = 32;

/** Elements of a shape; undefined unless it is a list of at most 32 non-negative integers with a product below 2^53. */
export function elementCount(shape: unknown): number | undefined {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return undefined;
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
  }
  return Number.isSafeInteger(count) ? count : undefined;
}
