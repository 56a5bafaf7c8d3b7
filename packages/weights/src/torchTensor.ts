/** What pickles of torch.save may name: storages and how tensors are rebuilt over them. Nothing of it runs Python's code. */

import { WeightsError } from './bytes.js';
import { type ElementType, elementCount, toFloat32 } from './elements.js';
import {
  isGlobal,
  PassedOver,
  type PickleGlobal,
  type PickleHost,
  type PickleObject,
  type PickleValue,
} from './pickle.js';
import type { TorchTensor } from './torchState.js';

/** Classes of torch, by the type of their elements. */
const STORAGES: Record<string, ElementType> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** The memory that tensors share, a row of elements; its data may come after the pickle that speaks of it. */
export class Storage implements PickleObject {
  readonly kind = 'storage';
  readonly type: ElementType;
  readonly count: number;
  /** Gives its bytes, as many as its elements take. */
  read: (() => Uint8Array) | undefined;
  #values: Float32Array | undefined;

  constructor(type: ElementType, count: number) {
    this.type = type;
    this.count = count;
  }

  values(): Float32Array {
    if (!this.read) throw new WeightsError('A tensor is used whose data the file does not hold.');
    this.#values ??= toFloat32(this.type, this.read());
    return this.#values;
  }
}

/** A part of a storage that passes for one, before PyTorch 1.6. */
class StorageView extends Storage {
  readonly #root: Storage;
  readonly #offset: number;

  constructor(root: Storage, offset: number, count: number) {
    super(root.type, count);
    this.#root = root;
    this.#offset = offset;
  }

  override values(): Float32Array {
    return this.#root.values().subarray(this.#offset, this.#offset + this.count);
  }
}

/** A tensor as PyTorch keeps it: a view of a storage, from element `offset` on. */
export class StoredTensor implements PickleObject {
  readonly kind = 'tensor';
  readonly #storage: Storage;
  readonly #offset: number;
  readonly #shape: number[];
  readonly #strides: number[];
  readonly count: number;

  /** @throws WeightsError if the view leaves its storage. */
  constructor(storage: PickleValue, offset: PickleValue, shape: PickleValue, strides: PickleValue) {
    const count = elementCount(shape);
    const steps = Array.isArray(strides) && strides.every(isCount) ? strides : undefined;
    const given = () => `offset ${show(offset)}, shape ${show(shape)}, strides ${show(strides)}`;
    if (!(storage instanceof Storage) || !isCount(offset) || count === undefined || !steps) {
      throw new WeightsError(`A tensor is described in a way that is not known: ${given()}.`);
    }
    const sizes = shape as number[];
    if (steps.length !== sizes.length) throw new WeightsError(`A tensor has not a stride per axis: ${given()}.`);
    const last = sizes.reduce((sum, size, axis) => sum + (size - 1) * (steps[axis] as number), offset);
    if (count > 0 && !(last < storage.count)) {
      throw new WeightsError(`A tensor reaches beyond its storage of ${storage.count} elements: ${given()}.`);
    }
    this.#storage = storage;
    this.#offset = offset;
    this.#shape = [...sizes];
    this.#strides = [...steps];
    this.count = count;
  }

  /** The tensor with values of its own, row-major. */
  contiguous(): TorchTensor {
    const [shape, count, strides] = [this.#shape, this.count, this.#strides];
    const values = this.#storage.values();
    let expected = 1;
    const isContiguous = shape.every((_, i) => {
      const axis = shape.length - 1 - i;
      const fits = shape[axis] === 1 || strides[axis] === expected;
      expected *= shape[axis] as number;
      return fits;
    });
    if (isContiguous || count === 0) return { shape, data: values.slice(this.#offset, this.#offset + count) };
    const data = new Float32Array(count);
    const index = shape.map(() => 0);
    let from = this.#offset;
    for (let to = 0; to < count; to++) {
      data[to] = values[from] as number;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        from += strides[axis] as number;
        index[axis] = (index[axis] as number) + 1;
        if (index[axis] !== shape[axis]) break;
        from -= (shape[axis] as number) * (strides[axis] as number);
        index[axis] = 0;
      }
    }
    return { shape, data };
  }
}

const isCount = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

/** A value for an error; containers that hold themselves, and whatever else a file may bring, in a word. */
function show(value: PickleValue | undefined): string {
  if (Array.isArray(value) && value.length <= 8) return `[${value.map((v) => (typeof v === 'number' ? v : '?'))}]`;
  return typeof value === 'number' ? String(value) : value === null ? 'None' : `a ${typeof value}`;
}

/** `collections.OrderedDict`, from nothing or from a list of pairs. */
function orderedDict(args: PickleValue[]): PickleValue {
  const pairs = args[0] ?? [];
  if (pairs instanceof Map || pairs instanceof PassedOver) return pairs;
  if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
    throw new WeightsError('An OrderedDict is not made of pairs.');
  }
  return new Map(pairs as [PickleValue, PickleValue][]);
}

function rebuildTensor([storage, offset, shape, strides]: PickleValue[]): PickleValue {
  if (storage instanceof PassedOver) return storage;
  return new StoredTensor(storage ?? null, offset ?? null, shape ?? null, strides ?? null);
}

function rebuildParameter([tensor]: PickleValue[]): PickleValue {
  if (tensor instanceof StoredTensor || tensor instanceof PassedOver) return tensor;
  throw new WeightsError('A parameter is not made of a tensor.');
}

/** A tensor with a class or attributes of its own: (function, class, arguments, attributes). */
function rebuildFromType([rebuild, , args]: PickleValue[]): PickleValue {
  return isGlobal(rebuild) && rebuild.call && Array.isArray(args)
    ? rebuild.call(args)
    : new PassedOver('a tensor of a class of its own');
}

/** `torch.Size`, a tuple. */
function size([sizes]: PickleValue[]): PickleValue {
  if (sizes instanceof PassedOver) return sizes;
  if (!Array.isArray(sizes)) throw new WeightsError('A torch.Size is not made of sizes.');
  return sizes;
}

const CALLS = new Map([
  ['collections.OrderedDict', orderedDict],
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_parameter_with_state', rebuildParameter],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ['torch.Size', size],
]);

const STORAGE_CLASS = /^torch\.(\w+Storage)$/;

/** Every global that is known. */
function torchGlobal(name: string): PickleGlobal | undefined {
  const call = CALLS.get(name);
  if (call) return { kind: 'global', name, call };
  return STORAGE_CLASS.test(name) ? { kind: 'global', name } : undefined;
}

/** A host of pickles that torch.save wrote, and the storages that they speak of, by key. */
export function torchHost(): PickleHost & { storages: Map<string, Storage> } {
  const storages = new Map<string, Storage>();

  /** ('storage', class, key, location, count), before PyTorch 1.6 also None or (key of a view, offset, count). */
  function persistent(id: PickleValue): PickleValue {
    const [tag, kind, key, , count, view] = Array.isArray(id) ? id : [];
    if (kind instanceof PassedOver) return kind;
    if (tag !== 'storage' || !isGlobal(kind) || typeof key !== 'string' || !isCount(count)) {
      throw new WeightsError("The file refers to something outside its pickle that is not a tensor's storage.");
    }
    const type = STORAGES[STORAGE_CLASS.exec(kind.name)?.[1] ?? ''];
    if (!type) return new PassedOver(kind.name);
    const storage = storages.get(key) ?? new Storage(type, count);
    if (storage.type !== type || storage.count !== count) {
      throw new WeightsError(
        `The storage ${key} is described in two ways: ${storage.count} ${storage.type}, ${count} ${type}.`,
      );
    }
    storages.set(key, storage);
    return Array.isArray(view) ? viewOf(storage, view) : storage;
  }

  function viewOf(root: Storage, [, offset, count]: PickleValue[]): Storage {
    if (!isCount(offset) || !isCount(count) || offset + count > root.count) {
      throw new WeightsError(`The file holds a part of a storage that is not inside its ${root.count} elements.`);
    }
    return new StorageView(root, offset, count);
  }

  return { global: torchGlobal, persistent, storages };
}
