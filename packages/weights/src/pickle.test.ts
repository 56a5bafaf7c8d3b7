import { expect } from 'chai';
import { ByteReader, WeightsError } from './bytes.js';
import { PassedOver, type PickleHost, readPickle } from './pickle.js';

const host: PickleHost = { global: () => undefined, persistent: (id) => ({ kind: 'persistent', id }) as never };

const read = (text: string) => readPickle(new ByteReader(Uint8Array.from(Buffer.from(text, 'latin1'))), host);

describe('pickles', () => {
  it('of plain values', () => {
    const values: [string, unknown][] = [
      ['N', null],
      ['\x88', true],
      ['J\xfe\xff\xff\xff', -2],
      ['\x8a\x00', 0],
      ['\x8a\x01\xff', -1],
      ['\x8a\x09\0\0\0\0\0\0\0\0\x01', 2n ** 64n],
      ['G\x3f\xe0\0\0\0\0\0\0', 0.5],
      ['X\x02\0\0\0\xc3\xa9', 'é'],
      ['C\x02ab', Uint8Array.of(97, 98)],
      ['(K\x01K\x02t', [1, 2]],
      ['](K\x01K\x02e', [1, 2]],
      ['}(K\x01K\x02u', new Map([[1, 2]])],
      ['\x8f(K\x01K\x01\x90', new Set([1])],
    ];
    for (const [code, value] of values) expect(read(`\x80\x02${code}.`), code).to.deep.equal(value);
  });

  it('that hold themselves are read', () => {
    const list = read('\x80\x02]q\x00h\x00a.') as unknown[];
    expect(list[0]).to.equal(list);
  });

  it('pass over what the host does not know, in whatever way it is named and filled, and run nothing', () => {
    const made = [
      'cos\nsystem\nX\x05\0\0\0false\x85R',
      'cos\nsystem\n)R(K\x01K\x02u]K\x03ab',
      '\x8c\x02os\x8c\x06system\x93)\x81}K\x01K\x02sb',
      '\x8c\x02os\x8c\x06system\x93)}\x92',
      '(K\x01ios\nsystem\n',
      'cos\nsystem\n)R(K\x01e(K\x01\x90',
    ];
    for (const code of made) expect(read(`\x80\x04${code}.`), code).to.deep.equal(new PassedOver('os.system'));
    expect(read('\x80\x02}(K\x01cos\nsystem\n)RK\x02K\x03u.')).to.deep.equal(
      new Map<number, unknown>([
        [1, new PassedOver('os.system')],
        [2, 3],
      ]),
    );
  });

  it('that are damaged or beyond the limits are refused', () => {
    const wrong: [string, string][] = [
      ['', 'The file ends at byte 0'],
      ['cos\nsystem\n', 'does not begin as one of protocols 2 to 5'],
      ['\x80\x06N.', 'protocols 2 to 5'],
      ['\x80\x02.', 'finds no value'],
      ['\x80\x02NN.', 'values left over'],
      ['\x80\x02N(.', 'finds no value'],
      ['\x80\x02(N(0.', 'values left over'],
      ['\x80\x02t.', 'without its beginning'],
      ['\x80\x02Na.', 'finds no value'],
      ['\x80\x02K\x01K\x01a.', 'no list'],
      ['\x80\x02K\x01(K\x01K\x01u.', 'no dictionary'],
      ['\x80\x02}(K\x01u.', 'a key without a value'],
      ['\x80\x02h\x05.', 'value 5 is used before it is there'],
      ['\x80\x02K\x01)R.', 'no function'],
      ['\x80\x02K\x01}b.', 'attributes are set'],
      ['\x80\x02S.', 'operation 0x53 at byte 2'],
      ['\x80\x02\x82\x01.', 'operation 0x82'],
      ['\x80\x02X\xff\xff\xff\x7f.', 'a text of 2147483647 bytes; at most'],
      ['\x80\x02\x8b\xff\xff\xff\x7f.', 'an integer of 2147483647 bytes; at most'],
      ['\x80\x04\x8e\0\0\0\0\0\x01\0\0.', 'bytes in a row; at most'],
      ['\x80\x02X\x01\0\0\0\xff.', 'not valid UTF-8'],
      [`\x80\x02c${'a'.repeat(600)}\n`, 'No end of line within 512 bytes'],
      [`\x80\x02${'('.repeat(1000)}`, 'nests deeper than 256 levels'],
      [`\x80\x02${'N'.repeat(2 ** 20 + 1)}`, 'more than 1048576 values'],
      [`\x80\x04N${'\x94'.repeat(2 ** 21 + 1)}`, 'remembers more than 2097152 values'],
      [`\x80\x04${'N0'.repeat(2 ** 23)}`, 'takes more than 16777216 bytes'],
    ];
    for (const [code, message] of wrong) {
      expect(() => read(code), JSON.stringify(code.slice(0, 20))).to.throw(WeightsError, message);
    }
  });
});
