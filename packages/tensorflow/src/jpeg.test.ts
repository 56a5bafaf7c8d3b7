import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createJpegDecoder, type Part } from './jpeg.js';

const folder = fileURLToPath(new URL('../../datasets/goldens/', import.meta.url));
const FILES = {
  'large-420.jpg': [333, 221],
  'odd-444.jpg': [121, 119],
  'progressive-422.jpg': [140, 95],
  'grey.jpg': [130, 90],
} as const;

describe('JpegDecoder', () => {
  const decoder = createJpegDecoder();

  for (const [file, [width, height]] of Object.entries(FILES)) {
    it(`decodes a part as it is in the whole, but for its edges: ${file}`, () => {
      const bytes = readFileSync(folder + file);
      const whole = decoder.decode(bytes);
      expect(whole.length).to.equal(width * height * 3);
      const part: Part = { left: 13, top: 21, width: 70, height: 41 };
      const pixels = decoder.decode(bytes, part);
      expect(pixels.length).to.equal(70 * 41 * 3);
      for (let y = 0; y < part.height; y++) {
        for (let x = 0; x < part.width; x++) {
          for (let c = 0; c < 3; c++) {
            const own = pixels[3 * (y * part.width + x) + c] as number;
            const other = whole[3 * ((y + part.top) * width + x + part.left) + c] as number;
            // At an edge, colours are interpolated between fewer pixels.
            const edge = Math.min(x, y, part.width - 1 - x, part.height - 1 - y) < 2;
            expect(own, `${x}, ${y}`).to.be.within(other - (edge ? 60 : 0), other + (edge ? 60 : 0));
          }
        }
      }
    });
  }

  it('refuses what is damaged or outside, and goes on', () => {
    const bytes = readFileSync(`${folder}grey.jpg`);
    expect(() => decoder.decode(bytes.subarray(0, 700))).to.throw(/JPEG/);
    expect(() => decoder.decode(bytes, { left: 100, top: 0, width: 50, height: 10 })).to.throw(/crop/i);
    expect(decoder.decode(bytes).length).to.equal(130 * 90 * 3);
  });

  it('decodes in several threads at once', async () => {
    const code = `
      import { readFileSync } from 'node:fs';
      import { parentPort } from 'node:worker_threads';
      const { createJpegDecoder } = await import(${JSON.stringify(new URL('./jpeg.js', import.meta.url).href)});
      const decoder = createJpegDecoder();
      const bytes = readFileSync(${JSON.stringify(`${folder}large-420.jpg`)});
      let sum = 0;
      for (let i = 0; i < 20; i++) for (const value of decoder.decode(bytes)) sum += value;
      parentPort.postMessage(sum);
    `;
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const sums = await Promise.all(
      Array.from(
        { length: 3 },
        () =>
          new Promise((resolve, reject) => {
            new Worker(url).once('message', resolve).once('error', reject);
          }),
      ),
    );
    const expected = 20 * decoder.decode(readFileSync(`${folder}large-420.jpg`)).reduce((a, b) => a + b, 0);
    expect(sums).to.deep.equal([expected, expected, expected]);
  });
});
