import { expect } from 'chai';
import fc from 'fast-check';
import { stream } from '../random.js';
import { parseTransform } from './parse.js';
import { Renderer } from './render.js';

const options = { upright: false, maxPixels: 1e6, whole: true, jpeg: undefined };

function image(width: number, height: number, seed: number) {
  const random = stream(seed, 'pixels');
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, () => random.integer(256)) };
}

describe('Renderer', () => {
  it('normalises each pixel, also of the smallest images, whatever lies in its memory', async () => {
    const sizes = fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) });
    const cases = fc.record({ sizes, side: fc.integer({ min: 1, max: 50 }), seed: fc.nat(), bgr: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(cases, async ({ sizes: { width, height }, side, seed, bgr }) => {
        const text = `randomResizedCrop(${side})|flip|normalize(imagenet)${bgr ? '|bgr' : ''}`;
        const transform = parseTransform(text);
        const renderer = new Renderer(transform, options);
        const source = { image: image(width, height, seed) };
        const pixels = (await renderer.pixels(source, stream(seed))).data.slice();
        const out = new Float32Array(3 * side * side);
        await renderer.render(source, stream(seed), out);
        const expected = Float32Array.from(out, (_, i) => {
          const c = bgr ? 2 - (i % 3) : i % 3;
          const value = pixels[i - (i % 3) + c] as number;
          return (value / 255 - (transform.mean[c] as number)) / (transform.std[c] as number);
        });
        expect(out).to.deep.equal(expected);
      }),
    );
  });

  it('does so for images larger than any before, for which its memory grows', async () => {
    for (const side of [100, 300, 900]) {
      const renderer = new Renderer(parseTransform(`centerCrop(${side})|range255`), options);
      const source = image(side, side, side);
      const out = new Float32Array(3 * side * side);
      await renderer.render({ image: source }, stream(1), out);
      expect(out.every((value, i) => Math.abs(value - (source.data[i] as number)) < 1e-4)).to.equal(true);
    }
  });

  it('mirrors left and right, half of the time', async () => {
    const source = { image: image(6, 4, 1) };
    const renderer = new Renderer(parseTransform('flip'), options);
    let mirrored = 0;
    for (let i = 0; i < 400; i++) {
      const { data } = await renderer.pixels(
        { image: { ...source.image, data: source.image.data.slice() } },
        stream(i),
      );
      const same = data.every((value, k) => value === source.image.data[k]);
      const turned = data.every((value, k) => {
        const [y, x, c] = [Math.floor(k / 18), Math.floor(k / 3) % 6, k % 3];
        return value === source.image.data[3 * (6 * y + 5 - x) + c];
      });
      expect(same !== turned).to.equal(true);
      if (turned) mirrored++;
    }
    // Binomial, 200 and standard deviation 10.
    expect(mirrored).to.be.within(160, 240);
  });

  it('mirrors what it resizes, whether the resize does it or a change before it forbids that', async () => {
    const source = { image: image(37, 29, 3) };
    const pixels = async (text: string) =>
      (await new Renderer(parseTransform(text), options).pixels(source, stream(1))).data.slice();
    for (const interpolation of ['bilinear', 'bicubic', 'opencv']) {
      const shape = `resize(20,interpolation=${interpolation})|centerCrop(16)`;
      const plain = await pixels(shape);
      const expected = plain.map((_, k) => {
        const [y, x, c] = [Math.floor(k / 48), Math.floor(k / 3) % 16, k % 3];
        return plain[3 * (16 * y + 15 - x) + c] as number;
      });
      expect(await pixels(`${shape}|flip(1)`)).to.deep.equal(expected);
      expect(await pixels(`${shape}|colorJitter(0)|flip(1)`)).to.deep.equal(expected);
      expect(await pixels(`${shape}|flip(0)`)).to.deep.equal(plain);
    }
  });

  it('resizes as OpenCV: by the two nearest pixels in each direction', async () => {
    const { width, height, data } = image(40, 30, 4);
    const renderer = new Renderer(parseTransform('resize(12,interpolation=opencv)|centerCrop(12)'), options);
    const ours = (await renderer.pixels({ image: { width, height, data } }, stream(1))).data;
    // 40 x 30 becomes 16 x 12, and two columns fall away on either side.
    const near = (at: number, size: number) => {
      const low = Math.floor(at);
      return [
        [Math.max(0, low), low + 1 - at],
        [Math.min(size - 1, low + 1), at - low],
      ] as const;
    };
    ours.forEach((value, k) => {
      const [y, x, c] = [Math.floor(k / 36), (Math.floor(k / 3) % 12) + 2, k % 3];
      let expected = 0;
      for (const [row, a] of near((y + 0.5) * 2.5 - 0.5, height)) {
        for (const [column, b] of near((x + 0.5) * 2.5 - 0.5, width)) {
          expected += a * b * (data[3 * (row * width + column) + c] as number);
        }
      }
      expect(Math.abs(value - expected)).to.be.at.most(1);
    });
  });

  it('leaves the source as it was, whatever is done to the pixels', async () => {
    const source = { image: image(32, 32, 2) };
    const before = source.image.data.slice();
    const text = 'flip(1)|colorJitter(0.4,0.4,0.4,0.2)|randAugment(4,15)|normalize(half)|randomErasing(1)';
    const renderer = new Renderer(parseTransform(text), options);
    const results = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const out = new Float32Array(32 * 32 * 3);
      await renderer.render(source, stream(i), out);
      expect(out.every((value) => value >= -1 && value <= 1)).to.equal(true);
      results.add(out.join());
    }
    expect(results.size).to.equal(60);
    expect(source.image.data).to.deep.equal(before);
  });

  it('erases as large a part, and as often, as it should', async () => {
    const white = { image: { width: 40, height: 40, data: new Uint8Array(4800).fill(255) } };
    const renderer = new Renderer(parseTransform('randomErasing(0.6,scale=0.1..0.2,ratio=1..1)'), options);
    let erased = 0;
    for (let i = 0; i < 300; i++) {
      const out = new Float32Array(4800);
      await renderer.render(white, stream(i), out);
      const share = out.reduce((sum, value) => sum + (value === 0 ? 1 : 0), 0) / 4800;
      if (share > 0) {
        erased++;
        expect(share).to.be.within(0.09, 0.22);
      }
    }
    // Binomial, 180 and standard deviation 8.5.
    expect(erased).to.be.within(150, 210);
  });
});
