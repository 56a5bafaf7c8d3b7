/** Compares with what torchvision makes of our pictures: goldens/make.py. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import sharp from 'sharp';
import { type DecodeOptions, openImage } from './image/decode.js';
import type { RgbImage } from './image/image.js';
import { resample } from './image/resample.js';
import { stream } from './random.js';
import {
  autoContrast,
  brightness,
  contrast,
  equalize,
  hue,
  posterize,
  saturation,
  sharpness,
  solarize,
} from './transform/colour.js';
import { randomResizedCrop } from './transform/geometry.js';
import { parseTransform } from './transform/parse.js';
import { Renderer } from './transform/render.js';

interface Golden {
  file: string;
  expected: string;
  transform?: string;
  box?: [left: number, top: number, width: number, height: number];
  size?: number;
}

interface Law {
  width: number;
  height: number;
  draws: number;
  area: [at: number, share: number][];
  logRatio: [at: number, share: number][];
}

const folder = fileURLToPath(new URL('../goldens/', import.meta.url));
const goldens = JSON.parse(readFileSync(`${folder}goldens.json`, 'utf8')) as {
  cases: Golden[];
  colours: { change: keyof typeof changes; factor: number | null; expected: string }[];
  randomResizedCrop: Law[];
};
const changes = { autoContrast, brightness, contrast, equalize, hue, posterize, saturation, sharpness, solarize };
const exact: DecodeOptions = { upright: false, maxPixels: 1e8, whole: true, jpeg: undefined };

function difference(a: Uint8Array, b: Uint8Array): { greatest: number; mean: number } {
  expect(a.length).to.equal(b.length);
  const differences = Array.from(a, (value, i) => Math.abs(value - (b[i] as number)));
  return {
    greatest: Math.max(...differences),
    mean: differences.reduce((sum, value) => sum + value, 0) / a.length,
  };
}

describe('the exact mode', () => {
  for (const { file, expected, transform, box, size = 0 } of goldens.cases) {
    it(`gives torchvision's pixels: ${file}, ${transform ?? `crop ${box} to ${size}`}`, async () => {
      const bytes = readFileSync(folder + file);
      let ours: Uint8Array;
      if (transform) {
        const renderer = new Renderer(parseTransform(transform), exact);
        ours = (await renderer.pixels(bytes, stream(0))).data;
      } else {
        const [left, top, width, height] = box as [number, number, number, number];
        const { image } = await (await openImage(bytes, exact)).pixels({ left, top, width, height });
        const window = { left: 0, top: 0, width: size, height: size };
        ours = resample(
          { width, height },
          image,
          { left: -left, top: -top },
          {
            ...{ width: size, height: size, window, interpolation: 'bilinear' },
          },
        );
      }
      const theirs = await sharp(folder + expected)
        .removeAlpha()
        .raw()
        .toBuffer();
      expect(difference(ours, theirs)).to.deep.equal({ greatest: 0, mean: 0 });
    });
  }
});

describe('changes of colour', () => {
  for (const { change, factor, expected } of goldens.colours) {
    it(`are torchvision's to within one level: ${change}${factor === null ? '' : ` ${factor}`}`, async () => {
      const renderer = new Renderer(parseTransform('centerCrop(60)'), exact);
      const image = await renderer.pixels(readFileSync(`${folder}wide.png`), stream(0));
      // Torchvision's is given what has little contrast.
      if (change === 'autoContrast') contrast(image, 0.6);
      (changes[change] as (image: RgbImage, factor: number) => void)(image, factor as number);
      const theirs = await sharp(folder + expected)
        .removeAlpha()
        .raw()
        .toBuffer();
      const { greatest, mean } = difference(image.data, theirs);
      // Pillow's hue has 256 steps.
      expect(mean).to.be.below(change === 'hue' ? 2 : 1);
      expect(greatest).to.be.at.most(change === 'hue' ? 12 : 2);
    });
  }
});

describe('randomResizedCrop', () => {
  for (const { width, height, draws, area, logRatio } of goldens.randomResizedCrop) {
    it(`draws area and aspect ratio by torchvision's law, ${width} x ${height} (Kolmogorov-Smirnov)`, () => {
      const count = 50_000;
      const bounds = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;
      const crops = Array.from({ length: count }, (_, i) => {
        const crop = randomResizedCrop({ width, height }, bounds, stream(5, 'test', i));
        expect(crop.left >= 0 && crop.left + crop.width <= width).to.equal(true);
        expect(crop.top >= 0 && crop.top + crop.height <= height).to.equal(true);
        return crop;
      });
      const values = {
        area: crops.map((crop) => (crop.width * crop.height) / (width * height)),
        logRatio: crops.map((crop) => Math.log(crop.width / crop.height)),
      };
      // Two samples, significance 0.001.
      const threshold = 1.95 * Math.sqrt(1 / count + 1 / draws);
      for (const [name, law] of Object.entries({ area, logRatio })) {
        const sorted = Float64Array.from(values[name as 'area' | 'logRatio']).sort();
        let worst = 0;
        for (const [at, share] of law) {
          let below = 0;
          while (below < count && (sorted[below] as number) < at) below++;
          worst = Math.max(worst, Math.abs(below / count - share));
        }
        expect(worst, name).to.be.below(threshold);
      }
    });
  }

  it('draws every position alike', () => {
    const bounds = { scale: [0.25, 0.25], ratio: [1, 1] } as const;
    const counts = new Array(6).fill(0);
    for (let i = 0; i < 6000; i++) {
      const crop = randomResizedCrop({ width: 10, height: 10 }, bounds, stream(1, i));
      expect([crop.width, crop.height]).to.deep.equal([5, 5]);
      counts[crop.left]++;
    }
    // Chi-squared with 5 degrees of freedom, 0.999 quantile 20.5.
    expect(counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).to.be.below(20.5);
  });
});
