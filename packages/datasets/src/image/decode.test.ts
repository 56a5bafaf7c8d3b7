import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import sharp from 'sharp';
import { type DecodeOptions, MAX_PIXELS, openImage } from './decode.js';
import { EXTENSIONS } from './formats.js';
import type { Rectangle } from './image.js';
import { type JpegHeader, jpegHeader, shortened } from './jpegHeader.js';

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

const odd = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../goldens/odd.json', import.meta.url)), 'utf8'),
) as Record<string, { file: string; rgb: string }>;

describe('images as Pillow sees them (goldens/odd.py)', () => {
  // libtiff's formula and Pillow's differ by one.
  const within: Record<string, number> = { 'ycbcr-raw.tif': 1 };
  for (const [name, { file, rgb }] of Object.entries(odd)) {
    it(name, async () => {
      const open = await openImage(Buffer.from(file, 'base64'), options);
      const { image } = await open.pixels({ left: 0, top: 0, width: open.width, height: open.height });
      const expected = Buffer.from(rgb, 'base64');
      expect(image.data.length).to.equal(expected.length);
      const greatest = Math.max(...image.data.map((value, i) => Math.abs(value - (expected[i] as number))));
      expect(greatest).to.be.at.most(within[name] ?? 0);
    });
  }

  it('are of every kind that is listed', async () => {
    for (const extension of EXTENSIONS) {
      const known = Object.keys(odd).find((name) => name.endsWith(extension));
      const bytes = known
        ? Buffer.from(odd[known]?.file as string, 'base64')
        : await picture()
            .toFormat(extension.slice(1) as 'webp')
            .toBuffer();
      expect((await openImage(bytes, options)).width, extension).to.be.at.least(2);
    }
  });

  it('are refused where they are cut off, whatever their kind', async () => {
    for (const [name, { file }] of Object.entries(odd)) {
      // Run lengths may end early, and a plain file's last digit may be one too few.
      if (/^(rle|p[1-3]|animated)/.test(name)) continue;
      const bytes = Buffer.from(file, 'base64');
      const cut = bytes.subarray(0, Math.floor(0.8 * bytes.length));
      const message = await openImage(cut, options)
        .then(({ pixels }) => pixels({ left: 0, top: 0, width: 2, height: 2 }))
        .then(
          () => 'read',
          (error: Error) => error.message,
        );
      expect(message, name).not.to.equal('read');
    }
  });
});

describe('a JPEG that is cut off', () => {
  it('is read or refused whatever part is wanted of it', async () => {
    const whole = await noisy().jpeg({ quality: 95 }).toBuffer();
    const asked: (Rectangle | undefined)[] = [];
    const jpeg = {
      decode: (_: Uint8Array, part: Rectangle | undefined) => {
        asked.push(part);
        return new Uint8Array(3 * 4 * 4);
      },
    };
    const read = async (bytes: Uint8Array) =>
      (await openImage(bytes, { ...options, whole: false, jpeg })).pixels({ left: 0, top: 0, width: 4, height: 4 });
    await read(whole);
    // What follows the end is passed over, as cameras append things.
    await read(Buffer.concat([whole, Buffer.alloc(30)]));
    expect(asked.length).to.equal(2);
    for (const share of [0.5, 0.9]) {
      const error = await read(whole.subarray(0, share * whole.length)).catch((thrown: Error) => thrown);
      expect(error).to.be.instanceOf(Error);
    }
    // A preview's end in a segment is not the image's.
    const preview = Buffer.concat([Buffer.of(0xff, 0xd8, 0xff, 0xe5, 0, 4, 0xff, 0xd9), whole.subarray(2)]);
    expect(await read(preview.subarray(0, 0.7 * preview.length)).catch((thrown: Error) => thrown)).to.be.instanceOf(
      Error,
    );
    expect(asked.length).to.equal(2);
  });
});

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
    expect(jpegHeader(bytes)).to.deep.include({ width: 8, height: 4, components: 3, orientation: 6, ends: true });
    const asStored = await decode(bytes);
    expect([asStored.width, asStored.height, asStored.rotated]).to.deep.equal([8, 4, true]);
    isNear(asStored.at(0, 3), RED);
    const upright = await decode(bytes, { upright: true });
    expect([upright.width, upright.height]).to.deep.equal([4, 8]);
    isNear(upright.at(0, 0), RED);
    isNear(upright.at(0, 7), BLUE);
  });

  const golden = (file: string) => readFileSync(fileURLToPath(new URL(`../../goldens/${file}`, import.meta.url)));
  const all = (bytes: Uint8Array) => sharp(bytes, { failOn: 'none' }).raw().toBuffer({ resolveWithObject: true });

  for (const [file, rows, kept] of [
    ['large-420.jpg', 60, 80],
    ['large-420.jpg', 64, 80],
    ['large-420.jpg', 190, 208],
    ['odd-444.jpg', 33, 48],
    ['grey.jpg', 16, 24],
  ] as const) {
    it(`need not read a JPEG below the rows that are wanted: ${rows} of ${file}`, async () => {
      const bytes = golden(file);
      const short = await all(shortened(bytes, jpegHeader(bytes) as JpegHeader, rows));
      expect(short.info.height).to.equal(kept);
      const whole = await all(bytes);
      const wanted = rows * whole.info.width * whole.info.channels;
      expect(short.data.subarray(0, wanted).equals(whole.data.subarray(0, wanted))).to.equal(true);
    });
  }

  it('read a JPEG whole where that saves nothing, or where its rows come several times', () => {
    for (const [file, rows] of [
      ['large-420.jpg', 206],
      ['progressive-422.jpg', 8],
    ] as const) {
      const bytes = golden(file);
      expect(shortened(bytes, jpegHeader(bytes) as JpegHeader, rows)).to.equal(bytes);
    }
  });

  it('reads an image of one pixel', async () => {
    const bytes = await sharp(Buffer.from(RED), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    isNear((await decode(bytes)).at(0, 0), RED, 0);
  });

  it('takes as many pixels as Pillow does, where nothing else is asked for', () => {
    expect(MAX_PIXELS).to.equal(Math.floor((1024 * 1024 * 1024) / 4 / 3) * 2);
  });

  for (const [name, make, message] of [
    ['an empty file', async () => new Uint8Array(0), 'empty'],
    [
      'text',
      async () => Buffer.from('<html>not found</html>'.repeat(20)),
      'unsupported image format; expected one of .jpg .jpeg .png',
    ],
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
