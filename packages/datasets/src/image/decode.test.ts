import { expect } from 'chai';
import sharp from 'sharp';
import { type DecodeOptions, openImage } from './decode.js';
import { jpegHeader } from './jpegHeader.js';

const options: DecodeOptions = { upright: false, maxPixels: 1e6, whole: true, jpeg: undefined };

/** Left half red, right half blue; 8 x 4. */
const raw = Buffer.from(Array.from({ length: 32 }, (_, i) => (i % 8 < 4 ? [250, 10, 10] : [10, 10, 250])).flat());
const picture = () => sharp(raw, { raw: { width: 8, height: 4, channels: 3 } });

async function decode(bytes: Uint8Array, given: Partial<DecodeOptions> = {}) {
  const open = await openImage(bytes, { ...options, ...given });
  const { image } = await open.pixels({ left: 0, top: 0, width: open.width, height: open.height });
  expect([image.width, image.height, image.data.length]).to.deep.equal([
    open.width,
    open.height,
    open.width * open.height * 3,
  ]);
  const at = (x: number, y: number) =>
    Array.from(image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3));
  return { ...open, at };
}

function isNear(value: number[], expected: number[], within = 12): void {
  for (let c = 0; c < 3; c++)
    expect(value[c], `${value}`).to.be.within((expected[c] as number) - within, (expected[c] as number) + within);
}

const RED = [250, 10, 10];
const BLUE = [10, 10, 250];

describe('odd images', () => {
  it('gives grey ones three equal channels, as JPEG and as PNG', async () => {
    for (const bytes of [
      await picture().toColourspace('b-w').jpeg().toBuffer(),
      await picture().toColourspace('b-w').png().toBuffer(),
    ]) {
      const { at, format } = await decode(bytes);
      const [r, g, b] = at(0, 0);
      expect([g, b]).to.deep.equal([r, r]);
      expect(format).to.contain('grey');
    }
  });

  it('turns CMYK into RGB', async () => {
    const bytes = await picture().toColourspace('cmyk').jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
    expect(jpegHeader(bytes)?.components).to.equal(4);
    const { at, format } = await decode(bytes);
    expect(format).to.equal('jpeg, cmyk');
    expect(at(0, 0)[0]).to.be.greaterThan(150);
    expect(at(0, 0)[2]).to.be.lessThan(100);
    expect(at(7, 0)[0]).to.be.lessThan(at(7, 0)[2] as number);
  });

  it('brings 16 bits down to 8', async () => {
    const wide = Uint16Array.from(raw, (value) => value * 257);
    const bytes = await sharp(wide, { raw: { width: 8, height: 4, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    const { at, format } = await decode(bytes);
    expect(format).to.equal('png, 16-bit');
    isNear(at(0, 0), RED, 1);
    isNear(at(7, 3), BLUE, 1);
  });

  it('leaves out transparency', async () => {
    const { at } = await decode(await picture().ensureAlpha(0.3).png().toBuffer());
    isNear(at(0, 0), RED, 1);
  });

  it('shows the first picture of an animation', async () => {
    const frames = Buffer.concat([raw, Buffer.alloc(raw.length, 128)]);
    const bytes = await sharp(frames, { raw: { width: 8, height: 8, channels: 3, pageHeight: 4 } })
      .gif()
      .toBuffer();
    const { at, format, height } = await decode(bytes);
    expect([format, height]).to.deep.equal(['gif, animated', 4]);
    isNear(at(0, 0), RED, 20);
  });

  it('tells of an Exif rotation, and turns the image upright only if asked to', async () => {
    const bytes = await picture()
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    expect(jpegHeader(bytes)).to.deep.equal({ width: 8, height: 4, components: 3, orientation: 6 });
    const asStored = await decode(bytes);
    expect([asStored.width, asStored.height, asStored.rotated]).to.deep.equal([8, 4, true]);
    isNear(asStored.at(0, 3), RED);
    const upright = await decode(bytes, { upright: true });
    expect([upright.width, upright.height]).to.deep.equal([4, 8]);
    isNear(upright.at(0, 0), RED);
    isNear(upright.at(0, 7), BLUE);
  });

  it('reads an image of one pixel', async () => {
    const bytes = await sharp(Buffer.from(RED), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    isNear((await decode(bytes)).at(0, 0), RED, 0);
  });

  for (const [name, make, message] of [
    ['an empty file', async () => new Uint8Array(0), 'empty'],
    ['text', async () => Buffer.from('<html>not found</html>'.repeat(20)), 'unsupported image format'],
    ['a JPEG cut off', async () => (await noisy().jpeg({ quality: 95 }).toBuffer()).subarray(0, 900), ''],
    ['a PNG cut off', async () => (await noisy().png().toBuffer()).subarray(0, 900), ''],
    [
      'too many pixels',
      async () =>
        sharp({ create: { width: 3000, height: 3000, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
      '3000 x 3000 pixels, more than maxPixels 1000000',
    ],
  ] as const) {
    it(`refuses ${name}`, async () => {
      const bytes = await make();
      const error = await decode(bytes).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error).to.be.instanceOf(Error);
      expect(error?.message).to.contain(message);
    });
  }
});

function noisy() {
  const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919 + (i >> 3) * 104729) & 255);
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } });
}
