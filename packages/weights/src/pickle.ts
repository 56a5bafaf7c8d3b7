/**
 * Reads Python pickles, protocols 2 to 5, without running anything: plain values, plain containers, and the few names that a host
 * knows; every other object is passed over. What the opcodes mean: cpython, Lib/pickletools.py.
 */
import { type ByteReader, decodeText, WeightsError } from './bytes.js';
import { damaged, type PickleObject, PickleStack, type PickleValue } from './pickleStack.js';

export type { PickleObject, PickleValue } from './pickleStack.js';

/** Something that a pickle names, as `collections.OrderedDict`; `call` is the host's own code. */
export interface PickleGlobal extends PickleObject {
  readonly kind: 'global';
  readonly name: string;
  call?(args: PickleValue[]): PickleValue;
}

/** What stands for an object that is not made, as only running the file's code could make it; `name` is what it asks to run. */
export class PassedOver implements PickleObject {
  readonly kind = 'passed over';

  constructor(readonly name: string) {}
}

export interface PickleHost {
  /** The meaning of `name`, as `collections.OrderedDict`; undefined: what it makes is passed over. */
  global(name: string): PickleGlobal | undefined;
  /** The value that a persistent id stands for. */
  persistent(id: PickleValue): PickleValue;
}

/** A pickle holds names, shapes and settings, the tensors' data are outside: those of large models take less than a tenth of this. */
const LIMITS = {
  bytes: 2 ** 24,
  string: 2 ** 24,
  longBytes: 256,
  stack: 2 ** 20,
  marks: 256,
  memo: 2 ** 21,
  name: 512,
  /** Of calls with all that they are given: a list that is remembered once can be copied by each of many calls. */
  made: 2 ** 22,
};

/** What a call itself counts. */
const CALL = 10;

export const isGlobal = (value: PickleValue | undefined): value is PickleGlobal =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'global';

class Machine {
  #reader: ByteReader;
  #host: PickleHost;
  #stack = new PickleStack();
  #made = 0;

  constructor(reader: ByteReader, host: PickleHost) {
    this.#reader = reader;
    this.#host = host;
  }

  #text(length: number): string {
    if (length > LIMITS.string)
      throw new WeightsError(`The pickle holds a text of ${length} bytes; at most ${LIMITS.string} are read.`);
    return decodeText(this.#reader.take(length, 'a text of the pickle'), 'A text of the pickle');
  }

  #bytes(length: number): Uint8Array {
    if (length > LIMITS.bytes)
      throw new WeightsError(`The pickle holds ${length} bytes in a row; at most ${LIMITS.bytes} are read.`);
    return this.#reader.take(length, 'bytes of the pickle').slice();
  }

  /** Little-endian two's complement. */
  #long(length: number): number | bigint {
    if (length > LIMITS.longBytes) {
      throw new WeightsError(`The pickle holds an integer of ${length} bytes; at most ${LIMITS.longBytes} are read.`);
    }
    const bytes = this.#reader.take(length, 'an integer of the pickle');
    let bits = 0n;
    for (const byte of bytes.toReversed()) bits = (bits << 8n) | BigInt(byte);
    const value = BigInt.asIntN(8 * length, bits);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #global(module: PickleValue, name: PickleValue): PickleObject {
    if (typeof module !== 'string' || typeof name !== 'string') throw damaged('a name that is not a text');
    return this.#host.global(`${module}.${name}`) ?? new PassedOver(`${module}.${name}`);
  }

  /** @param count of values, the callee and what it is given: arguments, and where there are three, keywords. */
  #call(count: number): PickleValue {
    const [callee, args] = this.#stack.popMany(count);
    if (callee instanceof PassedOver) return callee;
    if (!isGlobal(callee)) throw damaged('a call of something that is no function');
    if (!callee.call) return new PassedOver(callee.name);
    if (!Array.isArray(args)) throw damaged(`the arguments of ${callee.name} are not a tuple`);
    this.#made += CALL + args.reduce<number>((sum, arg) => sum + (Array.isArray(arg) ? arg.length : 1), 0);
    if (this.#made > LIMITS.made) {
      throw new WeightsError(
        `The pickle makes more than a file of weights needs: over ${LIMITS.made} things by calls.`,
      );
    }
    return callee.call(args);
  }

  #extend(items: PickleValue[]): void {
    const target = this.#stack.top();
    if (target instanceof PassedOver) return;
    if (!Array.isArray(target)) throw damaged('an element is added to something that is no list');
    // Not push(...items): there may be more of them than a call takes arguments.
    for (const item of items) target.push(item);
  }

  #assign(target: PickleValue, items: PickleValue[]): PickleValue {
    if (target instanceof PassedOver) return target;
    if (!(target instanceof Map)) throw damaged('a key is set in something that is no dictionary');
    if (items.length % 2) throw damaged('a key without a value');
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as PickleValue, items[i + 1] as PickleValue);
    return target;
  }

  run(): PickleValue {
    const start = this.#reader.offset;
    const first = this.#reader.u8('a pickle');
    const protocol = this.#reader.u8('a pickle');
    if (first !== 0x80 || protocol < 2 || protocol > 5)
      throw damaged('it does not begin as one of protocols 2 to 5 does');
    for (;;) {
      if (this.#reader.offset - start > LIMITS.bytes)
        throw new WeightsError(`The pickle takes more than ${LIMITS.bytes} bytes.`);
      const code = this.#reader.u8('a pickle');
      if (code === 0x2e) break; // STOP
      if (!this.#container(code)) this.#stack.push(this.#value(code));
    }
    return this.#stack.last();
  }

  /** Containers, the stack, the memo; whether `code` is one of these. */
  #container(code: number): boolean {
    switch (code) {
      case 0x28: // MARK
        this.#stack.mark();
        return true;
      case 0x30: // POP, which takes a mark where one is on top
        this.#stack.drop();
        return true;
      case 0x31: // POP_MARK
        this.#stack.popMany();
        return true;
      case 0x32: // DUP
        this.#stack.push(this.#stack.top());
        return true;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        this.#stack.push([]);
        return true;
      case 0x6c: // LIST
      case 0x74: // TUPLE
        this.#stack.push(this.#stack.popMany());
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.#stack.push(this.#stack.popMany(code - 0x84));
        return true;
      case 0x61: // APPEND
        this.#extend(this.#stack.popMany(1));
        return true;
      case 0x65: // APPENDS
        this.#extend(this.#stack.popMany());
        return true;
      case 0x7d: // EMPTY_DICT
        this.#stack.push(new Map());
        return true;
      case 0x64: // DICT
        this.#stack.push(this.#assign(new Map(), this.#stack.popMany()));
        return true;
      case 0x73: {
        // SETITEM
        const items = this.#stack.popMany(2);
        this.#assign(this.#stack.top(), items);
        return true;
      }
      case 0x75: {
        // SETITEMS
        const items = this.#stack.popMany();
        this.#assign(this.#stack.top(), items);
        return true;
      }
      case 0x8f: // EMPTY_SET
        this.#stack.push(new Set());
        return true;
      case 0x91: // FROZENSET
        this.#stack.push(new Set(this.#stack.popMany()));
        return true;
      case 0x90: {
        // ADDITEMS
        const items = this.#stack.popMany();
        const target = this.#stack.top();
        if (target instanceof PassedOver) return true;
        if (!(target instanceof Set)) throw damaged('an element is added to something that is no set');
        for (const item of items) target.add(item);
        return true;
      }
      case 0x68: // BINGET
        this.#stack.recall(this.#reader.u8('a pickle'));
        return true;
      case 0x6a: // LONG_BINGET
        this.#stack.recall(this.#reader.u32('a pickle'));
        return true;
      case 0x71: // BINPUT
        this.#stack.remember(this.#reader.u8('a pickle'));
        return true;
      case 0x72: // LONG_BINPUT
        this.#stack.remember(this.#reader.u32('a pickle'));
        return true;
      case 0x94: // MEMOIZE
        this.#stack.remember();
        return true;
      case 0x62: // BUILD: attributes, as the versions of modules that PyTorch notes on a state_dict; not of interest
        this.#stack.pop();
        if (!(this.#stack.top() instanceof Map || this.#stack.top() instanceof PassedOver))
          throw damaged('attributes are set on something that is no dictionary');
        return true;
      case 0x95: // FRAME: only a hint for reading ahead
        this.#reader.u64('the length of a frame of the pickle');
        return true;
      default:
        return false;
    }
  }

  /** Plain values, names and calls. */
  #value(code: number): PickleValue {
    const reader = this.#reader;
    const what = 'a pickle';
    switch (code) {
      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        return code === 0x88;
      case 0x4b: // BININT1
        return reader.u8(what);
      case 0x4d: // BININT2
        return reader.u16(what);
      case 0x4a: // BININT
        return reader.i32(what);
      case 0x8a: // LONG1
        return this.#long(reader.u8(what));
      case 0x8b: // LONG4
        return this.#long(reader.u32(what));
      case 0x47: // BINFLOAT
        return reader.f64BigEndian(what);
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING, Python 2's
        return this.#text(reader.u8(what));
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING, Python 2's
        return this.#text(reader.u32(what));
      case 0x8d: // BINUNICODE8
        return this.#text(reader.u64(what));
      case 0x43: // SHORT_BINBYTES
        return this.#bytes(reader.u8(what));
      case 0x42: // BINBYTES
        return this.#bytes(reader.u32(what));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#bytes(reader.u64(what));
      case 0x63: // GLOBAL
        return this.#global(reader.line(LIMITS.name, what), reader.line(LIMITS.name, what));
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#stack.popMany(2) as [PickleValue, PickleValue];
        return this.#global(module, name);
      }
      case 0x69: // INST: a name and a call in one, of protocol 0
        this.#stack.popMany();
        return new PassedOver(`${reader.line(LIMITS.name, what)}.${reader.line(LIMITS.name, what)}`);
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        return this.#call(2);
      case 0x92: // NEWOBJ_EX
        return this.#call(3);
      case 0x51: // BINPERSID
        return this.#host.persistent(this.#stack.pop());
      default:
        throw damaged(
          `operation 0x${code.toString(16)} at byte ${reader.offset - 1} is not one that files of tensors need`,
        );
    }
  }
}

/**
 * Reads one pickle and leaves the reader behind it.
 * @throws WeightsError where it is damaged or beyond the limits.
 */
export function readPickle(reader: ByteReader, host: PickleHost): PickleValue {
  return new Machine(reader, host).run();
}
