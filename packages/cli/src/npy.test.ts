import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { formatNpy, parseLabels, parseNpy, readNpy, writeNpy } from './npy.js';
import { temporaryFolder } from './testing/commands.js';

/** A file as numpy writes it. */
function file(header: string, data: Uint8Array, version = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0]),
    length,
    Buffer.from(header),
    data,
  ]);
}

const bytes = (array: Float32Array | Float64Array) => new Uint8Array(array.buffer);

describe('.npy files', () => {
  const at = temporaryFolder();

  it('come back as they were written, of any rank', async () => {
    for (const shape of [[], [5], [2, 3], [2, 3, 4, 5]]) {
      const data = Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) => i / 7);
      await writeNpy(at('array.npy'), { shape, data });
      expect(await readNpy(at('array.npy'))).to.deep.equal({ shape, data });
      const written = readFileSync(at('array.npy'));
      expect((10 + written.readUInt16LE(8)) % 64).to.equal(0);
      expect(written.toString('latin1', 0, 8)).to.equal('\x93NUMPY\x01\x00');
    }
  });

  it('are read in both widths and versions', () => {
    const shape = "'shape': (2, 1), }\n";
    const single = parseNpy(
      file(`{'descr': '<f4', 'fortran_order': False, ${shape}`, bytes(Float32Array.of(1, 0.5)), 2),
    );
    const double = parseNpy(file(`{'descr': '<f8', 'fortran_order': False, ${shape}`, bytes(Float64Array.of(1, 0.5))));
    expect(single).to.deep.equal({ shape: [2, 1], data: Float32Array.of(1, 0.5) });
    expect(double).to.deep.equal(single);
  });

  it('of labels are read in all widths', () => {
    const parsed = (descr: string, data: ArrayBufferView) =>
      parseLabels(
        file(`{'descr': '${descr}', 'fortran_order': False, 'shape': (2,), }\n`, new Uint8Array(data.buffer)),
      );
    const labels = { shape: [2], data: Int32Array.of(3, 255) };
    expect(parsed('|u1', Uint8Array.of(3, 255))).to.deep.equal(labels);
    expect(parsed('<i4', Int32Array.of(3, 255))).to.deep.equal(labels);
    expect(parsed('<i8', BigInt64Array.of(3n, 255n))).to.deep.equal(labels);
    expect(() => parsed('<f4', Float32Array.of(3, 255))).to.throw('of the type <f4; expected int32');
  });

  it('that are wrong are refused with the reason', async () => {
    const whole = formatNpy({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    const header = (descr: string, order: string) =>
      `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (1,), }\n`;
    expect(() => parseNpy(whole.subarray(0, -1))).to.throw('states 4 numbers of shape (2,2), 16 bytes; it has 15');
    expect(() => parseNpy(Buffer.from('PK\x03\x04 and so on'))).to.throw('It is no .npy file');
    expect(() => parseNpy(file(header('<i8', 'False'), new Uint8Array(8)))).to.throw(
      'of the type <i8; expected float32',
    );
    expect(() => parseNpy(file(header('<f4', 'True'), new Uint8Array(4)))).to.throw('in Fortran order');
    expect(() => parseNpy(file('{}', new Uint8Array(4)))).to.throw('header is damaged');
    writeFileSync(at('wrong.npy'), 'x');
    await readNpy(at('wrong.npy')).then(
      () => expect.fail(),
      (error) => expect(error.message).to.match(/wrong\.npy cannot be used\. It is no \.npy file/),
    );
  });
});
