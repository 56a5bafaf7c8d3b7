import { expect } from 'chai';
import fc from 'fast-check';
import { WeightsError } from './bytes.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import type { TorchState } from './torchState.js';

/** A file with this header, an object or the text itself, and that many bytes of data. */
function file(header: unknown, dataBytes = 0, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, ...offsets: unknown[]) => ({ dtype, shape, data_offsets: offsets });

/** Bits, not values: NaNs differ from each other, and -0 from 0. */
const bits = (state: TorchState) =>
  [...state].map(([name, { shape, data }]) => [name, shape, [...new Uint32Array(data.slice().buffer)]]);

const arbitraryState: fc.Arbitrary<TorchState> = fc
  .uniqueArray(
    fc.record({
      name: fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
      shape: fc.array(fc.nat(3), { maxLength: 4 }),
      seed: fc.infiniteStream(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    }),
    { selector: ({ name }) => name, maxLength: 6 },
  )
  .map(
    (tensors) =>
      new Map(
        tensors.map(({ name, shape, seed }) => {
          const count = shape.reduce((product, size) => product * size, 1);
          const words = Uint32Array.from({ length: count }, () => seed.next().value as number);
          return [name, { shape, data: new Float32Array(words.buffer) }];
        }),
      ),
  );

describe('safetensors', () => {
  it('come back bit by bit', () => {
    fc.assert(
      fc.property(arbitraryState, fc.boolean(), (state, withMetadata) => {
        const bytes = writeSafetensors(state, withMetadata ? { format: 'pt', note: '"}{\\' } : undefined);
        expect(new DataView(bytes.buffer).getUint32(0, true) % 8).to.equal(0);
        expect(bits(readSafetensors(bytes))).to.have.deep.members(bits(state));
      }),
    );
  });

  it('are read where the bytes are part of a larger buffer', () => {
    const state: TorchState = new Map([['w', { shape: [2], data: Float32Array.of(1, -2) }]]);
    const bytes = writeSafetensors(state);
    const larger = new Uint8Array(bytes.length + 7);
    larger.set(bytes, 3);
    expect(readSafetensors(larger.subarray(3, 3 + bytes.length))).to.deep.equal(state);
  });

  it('keep the order of their data, whatever the order of the header', () => {
    const state = readSafetensors(
      file({ b: entry('U8', [1], 1, 2), a: entry('U8', [1], 0, 1), __metadata__: { x: 'y' } }, 2),
    );
    expect([...state.keys()]).to.deep.equal(['a', 'b']);
  });

  it('of every element type become float32', () => {
    const types: [string, Uint8Array, number[]][] = [
      ['F64', new Uint8Array(Float64Array.of(0.5, -3).buffer), [0.5, -3]],
      ['F16', new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0xfc00).buffer), [1, -2, 2 ** -24, -Infinity]],
      ['BF16', new Uint8Array(Uint16Array.of(0x3f80, 0xc000).buffer), [1, -2]],
      ['I64', new Uint8Array(BigInt64Array.of(-5n, 2n ** 40n).buffer), [-5, 2 ** 40]],
      ['I32', new Uint8Array(Int32Array.of(-5).buffer), [-5]],
      ['I16', new Uint8Array(Int16Array.of(-5).buffer), [-5]],
      ['I8', new Uint8Array(Int8Array.of(-5).buffer), [-5]],
      ['U8', Uint8Array.of(250), [250]],
      ['BOOL', Uint8Array.of(1, 0), [1, 0]],
    ];
    for (const [type, data, values] of types) {
      const bytes = file({ t: entry(type, [values.length], 0, data.length) }, data.length);
      bytes.set(data, bytes.length - data.length);
      expect([...(readSafetensors(bytes).get('t')?.data ?? [])], type).to.deep.equal(values);
    }
  });

  const lies: [what: string, bytes: Uint8Array, message: string | RegExp][] = [
    ['a header longer than allowed', file({}, 0, 2n ** 40n), 'claims 1099511627776 bytes; at most 100000000'],
    ['a header of an impossible length', file({}, 0, 2n ** 64n - 1n), 'states 18446744073709551615 as the length'],
    [
      'a header longer than the file',
      file({}, 0, 90_000_000n),
      'The file ends at byte 10, inside the safetensors header',
    ],
    ['a header that is no JSON', file('{"a":'), 'is not valid JSON'],
    ['a header that is no object', file([1]), 'is not a JSON object'],
    ['a header that is no text', file('{"\u00e9":1}').map((b) => (b === 0xc3 ? 0xff : b)), 'not valid UTF-8'],
    ['metadata of numbers', file({ __metadata__: { a: 1 } }), '__metadata__ is not an object of texts'],
    ['a tensor twice', file('{"a":1,"\\u0061" : 2}'), "holds the key 'a' twice"],
    ['a field twice', file('{"a":{"dtype":"U8","dtype":"F32"}}'), "holds the key 'dtype' twice"],
    ['no entry', file({ a: null }), "about the tensor 'a': its entry is not an object"],
    [
      'an unknown type',
      file({ a: entry('F8_E4M3', [1], 0, 1) }, 1),
      `'a': dtype "F8_E4M3" is not read; expected one of F64`,
    ],
    ['a type from the prototype', file({ a: entry('toString', [1], 0, 1) }, 1), 'dtype "toString" is not read'],
    ['a negative size', file({ a: entry('U8', [-1, -1], 0, 1) }, 1), "'a': shape [-1,-1] is not a list of sizes"],
    ['a size that is none', file({ a: entry('U8', [1.5], 0, 1) }, 1), 'shape [1.5] is not'],
    ['sizes beyond all numbers', file({ a: entry('U8', [2 ** 50, 2 ** 50], 0, 1) }, 1), 'is not a list of sizes'],
    ['more axes than any tensor', file({ a: entry('U8', Array(40).fill(1), 0, 1) }, 1), 'is not a list of sizes'],
    [
      'a huge tensor',
      file({ a: entry('F32', [2 ** 40], 0, 4) }, 4),
      "'a': 4 bytes are given; shape [1099511627776] of F32 takes",
    ],
    [
      'negative offsets',
      file({ a: entry('U8', [1], -1, 0) }, 1),
      "'a': data_offsets [-1,0] are not two byte positions",
    ],
    ['three offsets', file({ a: entry('U8', [1], 0, 1, 2) }, 1), 'are not two byte positions'],
    ['reversed offsets', file({ a: entry('U8', [1], 1, 0) }, 1), "data_offsets [1, 0] are not in the file's 1 bytes"],
    [
      'offsets beyond the file',
      file({ a: entry('U8', [9], 0, 9) }, 8),
      "data_offsets [0, 9] are not in the file's 8 bytes",
    ],
    [
      'overlaps',
      file({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3),
      "'b' begins at byte 1 and overlaps",
    ],
    [
      'gaps',
      file({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, 3),
      "'b' begins at byte 2 and leaves a gap of 1",
    ],
    ['data of no tensor', file({ a: entry('U8', [1], 0, 1) }, 3), 'has 2 bytes after its last tensor'],
  ];
  for (const [what, bytes, message] of lies) {
    it(`with ${what} are refused`, () => {
      expect(() => readSafetensors(bytes)).to.throw(WeightsError, message);
    });
  }

  it('that end early are refused, wherever they end', () => {
    const bytes = writeSafetensors(new Map([['w', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]), {
      format: 'pt',
    });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readSafetensors(bytes.subarray(0, length)), `${length}`).to.throw(WeightsError);
    }
  });

  it('with any JSON in the header give tensors or a clear error', () => {
    const entries = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'U8', 'I64'), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.integer({ min: -1, max: 9 })), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.integer({ min: -1, max: 9 }), fc.nat(9)), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const headers = fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), entries, { maxKeys: 3 }));
    fc.assert(
      fc.property(headers, fc.nat(9), (header, dataBytes) => {
        try {
          readSafetensors(file(header, dataBytes));
        } catch (error) {
          expect(error).to.be.instanceOf(WeightsError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are not written from tensors that are none', () => {
    const data = new Float32Array(3);
    expect(() => writeSafetensors(new Map([['w', { shape: [2], data }]]))).to.throw(WeightsError, "'w' has 3 values");
    expect(() => writeSafetensors(new Map([['__metadata__', { shape: [3], data }]]))).to.throw(
      WeightsError,
      '__metadata__',
    );
  });
});
