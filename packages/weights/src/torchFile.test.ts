import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { memoryBytes, WeightsError } from './bytes.js';
import { normalizeState } from './normalize.js';
import { zipOf } from './testing/zip.js';
import { readTorchFile } from './torchFile.js';
import type { TorchState } from './torchState.js';
import { readZip } from './zip.js';

const fixture = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../src/fixtures/${name}`, import.meta.url)));

const plain = (state: TorchState) =>
  Object.fromEntries([...state].map(([key, { shape, data }]) => [key, { shape, data: [...data] }]));

const WRAPPED = {
  transposed: { shape: [3, 2], data: [0, 1.5, 0.5, 2, 1, 2.5] },
  half: { shape: [5], data: [0.5, -2, 65504, 2 ** -24, Number.POSITIVE_INFINITY] },
  brain: { shape: [3], data: [1, -3.140625, 2 ** 100] },
  first: { shape: [4], data: [-1, -0.75, -0.5, -0.25] },
  rest: { shape: [2, 2], data: [0.25, 0.5, 1.25, 1.5] },
  empty: { shape: [0, 3], data: [] },
};

const FILES = ['zip.pth', 'legacy.pth', 'protocol4.pth', 'malicious.pth', 'malicious-legacy.pth'];

describe('files of torch.save', () => {
  for (const name of ['zip.pth', 'legacy.pth']) {
    it(`${name}: views, shared storages, wrappers and prefixes`, () => {
      expect(plain(readTorchFile(fixture(name)))).to.deep.equal(WRAPPED);
    });
  }

  it('protocol4.pth: every element type, nested wrappers', () => {
    expect(plain(readTorchFile(fixture('protocol4.pth')))).to.deep.equal({
      double: { shape: [1, 2], data: [0.5, Number.NEGATIVE_INFINITY] },
      long: { shape: [2], data: [-3, 2 ** 40] },
      int: { shape: [2], data: [-(2 ** 31), 7] },
      short: { shape: [1], data: [-300] },
      char: { shape: [1], data: [-1] },
      byte: { shape: [1], data: [255] },
      flags: { shape: [2], data: [1, 0] },
      scalar: { shape: [], data: [7.5] },
      repeated: { shape: [2, 3], data: [2, 2, 2, 2, 2, 2] },
    });
  });

  it('malicious.pth: what it wants to run beside the weights is passed over', () => {
    expect(plain(readTorchFile(fixture('malicious.pth')))).to.deep.equal({ w: { shape: [1], data: [0] } });
  });

  it('malicious-legacy.pth, where the weights themselves are such a thing, is refused, and told what it wants', () => {
    expect(() => readTorchFile(fixture('malicious-legacy.pth'))).to.throw(
      WeightsError,
      'The file asks to run posix.system; only tensors and plain containers are read.',
    );
  });

  for (const name of FILES) {
    it(`${name} cut off anywhere is refused`, () => {
      const bytes = fixture(name);
      for (let length = 0; length < bytes.length; length++) {
        expect(() => readTorchFile(bytes.subarray(0, length)), `${length}`).to.throw(WeightsError);
      }
    });

    it(`${name} with damaged bytes gives tensors or a clear error`, () => {
      const original = fixture(name);
      const damage = fc.array(fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 })), {
        minLength: 1,
        maxLength: 4,
      });
      fc.assert(
        fc.property(damage, (flips) => {
          const bytes = Uint8Array.from(original);
          for (const [at, mask] of flips) bytes[at] = (bytes[at] as number) ^ mask;
          try {
            readTorchFile(bytes);
          } catch (error) {
            expect(error).to.be.instanceOf(WeightsError);
          }
        }),
        { numRuns: 2000 },
      );
    });
  }

  it('that were packed again with compression are refused', () => {
    const bytes = Uint8Array.from(fixture('zip.pth'));
    const view = new DataView(bytes.buffer);
    const directory = view.getUint32(bytes.length - 6, true);
    view.setUint16(directory + 10, 8, true);
    expect(() => readTorchFile(bytes)).to.throw(WeightsError, 'zip/data.pkl in the archive is compressed (method 8)');
  });

  it('beyond 4 GB, as zip64 writes them, are read', () => {
    const members = [...readZip(memoryBytes(fixture('zip.pth')))].map(([name, file]) => ({ name, data: file.read() }));
    expect(plain(readTorchFile(zipOf(members)))).to.deep.equal(WRAPPED);
    expect(plain(readTorchFile(zipOf(members, { zip64: true })))).to.deep.equal(WRAPPED);
  });

  it('of TorchScript are told as what they are', () => {
    const names = ['m/data.pkl', 'm/code/__torch__.py', 'm/constants.pkl'];
    const script = zipOf(names.map((name) => ({ name, data: Uint8Array.of(1), method: 8 })));
    expect(() => readTorchFile(script)).to.throw(WeightsError, 'The file is a program of TorchScript');
  });

  it('from a big-endian machine are refused', () => {
    const bytes = Uint8Array.from(fixture('zip.pth'));
    bytes.set(new TextEncoder().encode('bigend'), Buffer.from(bytes).indexOf('little'));
    expect(() => readTorchFile(bytes)).to.throw(WeightsError, 'big-endian machine');
  });
});

describe('files that torch.save could have written', () => {
  /** A pre-1.6 file: a pickle whose object is `object`, opcodes as text; no storages. */
  const legacy = (object: string, rest = '\x80\x02].') => {
    const header = '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.';
    return Uint8Array.from(Buffer.from(`${header}\x80\x02${object}.${rest}`, 'latin1'));
  };
  const storage = '((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x01NtQ';
  const tensor = (shape: string, strides: string) =>
    `}U\x01wctorch._utils\n_rebuild_tensor_v2\n${storage}K\x00${shape}${strides}tRs`;
  const one = '\x80\x02]U\x010a.\x01\0\0\0\0\0\0\0\0\0\x80\x3f';

  it('are read when written by hand', () => {
    expect(plain(readTorchFile(legacy(tensor('K\x01\x85', 'K\x01\x85'), one)))).to.deep.equal({
      w: { shape: [1], data: [1] },
    });
  });

  it('describe more than fits into memory: refused', () => {
    const huge = legacy(tensor('J\xff\xff\xff\x7f\x85', 'K\x00\x85'), one);
    expect(() => readTorchFile(huge)).to.throw(WeightsError, 'describes tensors of 2147483647 elements');
  });

  it('reach beyond their storage: refused', () => {
    const far = legacy(tensor('K\x02\x85', 'K\x01\x85'), one);
    expect(() => readTorchFile(far)).to.throw(
      WeightsError,
      'beyond its storage of 1 elements: offset 0, shape [2], strides [1]',
    );
    const negative = legacy(tensor('K\x01\x85', 'J\xff\xff\xff\xff\x85'), one);
    expect(() => readTorchFile(negative)).to.throw(WeightsError, 'strides [-1]');
  });

  it('lack the data of a tensor: refused', () => {
    const lacking = legacy(tensor('K\x01\x85', 'K\x01\x85'));
    expect(() => readTorchFile(lacking)).to.throw(WeightsError, 'whose data the file does not hold');
  });

  it('are parts of a storage', () => {
    const view = storage.replace('NtQ', '(U\x01vK\x01K\x01ttQ').replace('K\x01(', 'K\x02(');
    const bytes = legacy(
      `}U\x01wctorch._utils\n_rebuild_tensor_v2\n${view}K\x00K\x01\x85K\x01\x85tRs`,
      '\x80\x02]U\x010a.\x02\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40',
    );
    expect(plain(readTorchFile(bytes))).to.deep.equal({ w: { shape: [1], data: [2] } });
  });

  it('hold something else than a state_dict: told what', () => {
    const told: [string, string][] = [
      ['K\x05', 'not a dictionary of tensors'],
      ['}U\x05epochK\x05s', 'epoch is not a tensor with a name. There are epoch; expected tensors alone'],
      ['}q\x00U\x05modelh\x00s', 'model is not a tensor'],
      ['ctorch\nComplexFloatStorage\n)R', 'asks to run torch.ComplexFloatStorage'],
      ['(U\x07storagectorch\nQInt8Storage\nU\x010U\x03cpuK\x01NtQ', 'asks to run torch.QInt8Storage'],
      ['cnumpy.core.multiarray\nscalar\n', 'asks to run numpy.core.multiarray.scalar'],
      ['}(U\x05epochK\x01U\x05modelcresnet\nResNet\n)\x81}bu', 'asks to run resnet.ResNet; only tensors'],
      ['cresnet\nResNet\n)\x81}U\x01aK\x01sb', 'holds no state_dict. The file asks to run resnet.ResNet'],
    ];
    for (const [object, message] of told) expect(() => readTorchFile(legacy(object))).to.throw(WeightsError, message);
  });

  it('make far more than they hold: refused in time', () => {
    const pairs = `]q\x00(${'K\x01K\x01\x86'.repeat(1000)}e0ccollections\nOrderedDict\nq\x010`;
    const own = storage.slice(1);
    const parts = `ctorch._utils\n_rebuild_tensor_v2\nq\x020${own}q\x030`;
    const traps = [
      `${pairs}${'h\x01h\x00\x85R0'.repeat(30_000)}N`,
      `${parts}${'h\x02(h\x03K\x00K\x00\x85K\x01\x85tR0'.repeat(400_000)}N`,
    ];
    for (const trap of traps) {
      expect(() => readTorchFile(legacy(trap, one))).to.throw(WeightsError, 'makes more than a file of weights needs');
    }
  });

  it('hold the weights in a dictionary, among things of other kinds', () => {
    const w = { w: { shape: [1], data: [1] } };
    const inside = tensor('K\x01\x85', 'K\x01\x85');
    const objects = [
      'cargparse\nNamespace\n)\x81}U\x02lrK\x01sb',
      'ccollections\nCounter\n}(K\x1eK\x01u\x85R',
      'cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(X\x02\0\0\0f8\x89\x88tR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb' +
        'c_codecs\nencode\n(X\x01\0\0\0aX\x06\0\0\0latin1tRtR',
      'ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R',
      'ctorch\ndevice\nX\x03\0\0\0cpu\x85R',
    ];
    const keys = ['state_dict', 'model', 'model_state_dict', 'net', 'model_ema', 'generator'];
    for (const key of keys)
      for (const object of objects) {
        const entry = (name: string, value: string) => `U${String.fromCharCode(name.length)}${name}${value}`;
        const bytes = legacy(`}(${entry('args', object)}${entry(key, inside)}${entry('epoch', 'K\x05')}u`, one);
        expect(plain(readTorchFile(bytes)), `${key} ${object}`).to.deep.equal(w);
      }
    const two = `}(U\x01a${inside}U\x01b${inside}u`;
    expect(() => readTorchFile(legacy(two, one))).to.throw(
      WeightsError,
      'a is not a tensor with a name. There are a, b',
    );
  });

  it('are no files of torch.save', () => {
    expect(() => readTorchFile(Uint8Array.of(1, 2, 3))).to.throw(WeightsError, 'neither a zip archive nor a pickle');
    expect(() => readTorchFile(Uint8Array.from(Buffer.from('\x80\x02}.', 'latin1')))).to.throw(
      WeightsError,
      'a pickle, but not of torch.save',
    );
  });
});

describe('normalizeState', () => {
  const tensor = { shape: [], data: Float32Array.of(1) };

  it('strips the prefix only where all names have it', () => {
    const keys = (...names: string[]) => [...normalizeState(new Map(names.map((name) => [name, tensor]))).keys()];
    expect(keys('module.a.weight', 'module.a.num_batches_tracked')).to.deep.equal(['a.weight']);
    expect(keys('module.a', 'b')).to.deep.equal(['module.a', 'b']);
    expect(keys()).to.deep.equal([]);
    expect(keys('n_averaged', 'module.a.weight', 'module.b')).to.deep.equal(['a.weight', 'b']);
    expect(keys('_orig_mod.a', '_orig_mod.b')).to.deep.equal(['a', 'b']);
    expect(keys('module._orig_mod.a', 'module._orig_mod.b._orig_mod.c')).to.deep.equal(['a', 'b.c']);
    expect(keys('_orig_mod.module.module.a')).to.deep.equal(['a']);
    expect(keys('a.weight', 'a.total_ops', 'total_params')).to.deep.equal(['a.weight']);
  });
});
