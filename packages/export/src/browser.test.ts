/** Networks in a browser, with tfjs and packages/layers alone: the same logits as in Node. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anchorsOf, type Detection, detectionsOf, inputSizeOf } from '@refconv/detection';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { saveModel } from '@refconv/training';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { build } from 'esbuild';
import { encode } from 'fast-png';
import type { Browser, Page } from 'playwright-core';
import { exportDetectorPage, exportSegmenterPage } from './page/index.js';
import { startChromium } from './testing/chromium.js';
import { expectClose, images, mergedDetector, mergedSegmenter, smallBackbone, TESTED } from './testing/models.js';

/** Relative to the largest logit. */
const TOLERANCE = 1e-3;

/** Between them they have the layers of packages/layers but LayerScale. */
const QUICK = ['mobilenetv1', 'mobilenetv3_small', 'shufflenetv1_g3', 'shufflenetv2', 'hbonet'];

const tested = process.env.REFCONV_LONG === '1' ? TESTED : TESTED.filter((id) => QUICK.includes(id));

/** The page's program as one file, and the files that it was made of. */
async function bundle(): Promise<{ program: string; files: string[] }> {
  const entry = fileURLToPath(new URL('./testing/browserPage.js', import.meta.url));
  const result = await build({ entryPoints: [entry], bundle: true, write: false, metafile: true, logLevel: 'error' });
  return { program: result.outputFiles[0].text, files: Object.keys(result.metafile.inputs) };
}

describe('a browser', () => {
  let folder: string;
  let origin: string;
  let page: Page;
  let files: string[];
  let stop: () => Promise<void> = async () => undefined;

  before(async function () {
    const started = await startChromium().catch((error: Error) => {
      if (process.env.REFCONV_CHROMIUM) throw error;
      console.log(`      (no Chromium can be started; REFCONV_CHROMIUM names one. ${error.message.split('\n')[0]})`);
    });
    if (!started) return this.skip();
    folder = await mkdtemp(join(tmpdir(), 'refconv-browser-'));
    const made = await bundle();
    files = made.files;
    const pages: Record<string, string> = { '/': '<script src="program.js"></script>', '/program.js': made.program };
    const server = createServer(async ({ url = '/' }, response) => {
      if (pages[url]) response.setHeader('Content-Type', url === '/' ? 'text/html' : 'text/javascript');
      response.end(pages[url] ?? (await readFile(join(folder, url)).catch(() => response.writeHead(404) && '')));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stop = () => started.stop().finally(() => server.close());
    page = await started.browser.newPage();
    await page.goto(origin);
  });

  after(async () => {
    await stop();
    if (folder) await rm(folder, { recursive: true });
  });

  it('needs no other package of this project', () => {
    const own = files.filter((file) => !/node_modules\/|browserPage.js$|^\(disabled\)/.test(file));
    expect(own).not.to.deep.equal([]);
    expect(own.filter((file) => !/(^|\/)layers\/dist\//.test(file))).to.deep.equal([]);
  });

  async function expectSameLogits(name: string, model: LayersModel, backend: 'cpu' | 'webgl'): Promise<void> {
    const before = tf.memory().numTensors;
    await saveModel(model, join(folder, name), {}, { replace: true });
    const x = images(model, 1);
    const wanted = model.predict(x) as Tensor;
    const given = [`${origin}/${name}/model.json`, backend, x.shape, Array.from(x.dataSync())] as const;
    const found = await page.evaluate((given) => globalThis.evaluateModel(...given), given);
    expect(found.backend).to.equal(backend);
    expect(found.left).to.equal(0);
    expectClose(found.logits, wanted.dataSync(), TOLERANCE);
    tf.dispose([x, wanted]);
    expect(tf.memory().numTensors - before, 'tensors left').to.equal(0);
  }

  for (const id of tested) {
    it(`computes ${id} as Node does`, async () => {
      const model = smallBackbone(id);
      await expectSameLogits(id, model, 'cpu');
      model.dispose();
    });
  }

  for (const backend of ['cpu', 'webgl'] as const) {
    it(`computes a merged model by ${backend}`, async () => {
      const model = smallBackbone('mobilenetv2');
      const refocused = await refocus(model);
      const merged = await merge(refocused);
      await expectSameLogits('merged', merged, backend);
      for (const each of [model, refocused, merged]) each.dispose();
    });

    it(`computes a merged segmenter with dilated convolutions by ${backend}`, async () => {
      const model = await mergedSegmenter();
      await expectSameLogits('segmenter', model, backend);
      model.dispose();
    });
  }

  it('shows on a page of its own what a merged segmenter makes of a picture', async () => {
    const model = await mergedSegmenter();
    const [, height = 0, width = 0, classes] = (model.outputs[0]?.shape ?? []) as number[];
    const [mean, std] = [
      [0.5, 0.4, 0.3],
      [0.25, 0.2, 0.3],
    ];
    const folderOfPage = join(folder, 'page');
    await exportSegmenterPage(model, folderOfPage, { mean, std }, { colour: (label) => [label, 0, 0] });
    // Of the network's size, so that no browser's resizing has a part.
    const data = Uint8Array.from({ length: 3 * height * width }, (_, i) => (i * 37 + (i >> 4)) % 256);
    const wanted = tf.tidy(() => {
      const pixels = tf.tensor4d(Float32Array.from(data), [1, height, width, 3]);
      const x = tf.div(tf.sub(tf.div(pixels, 255), tf.tensor1d(mean)), tf.tensor1d(std));
      return [...tf.argMax(model.predict(x) as Tensor, 3).dataSync()];
    });
    const own = await (page.context().browser() as Browser).newPage();
    await own.goto(`${origin}/page/index.html`);
    await own.locator('#picture:enabled').waitFor();
    const buffer = Buffer.from(encode({ width, height, data, channels: 3 }));
    await own.locator('#picture').setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer });
    await own.waitForFunction('globalThis.segmented !== undefined');
    const found = (await own.evaluate('[...globalThis.segmented.classes]')) as number[];
    const same = found.filter((label, i) => label === wanted[i]).length;
    // Where two logits are equal but for rounding, either may be the larger.
    expect(same / wanted.length).to.be.above(0.999);
    expect(await own.locator('#legend li').count()).to.equal(classes);
    await own.close();
    model.dispose();
  });

  it('shows on a page of its own what a merged detector finds in a picture', async () => {
    const model = await mergedDetector();
    const { height, width } = inputSizeOf(model);
    const anchors = anchorsOf(model);
    const [mean, std] = [
      [0.5, 0.4, 0.3],
      [0.25, 0.2, 0.3],
    ];
    const colour = (label: number) => [40 * label, 90, 200];
    const notes = { mean, std, classes: ['disc', 'ring', 'square'] };
    await exportDetectorPage(model, join(folder, 'detector'), notes, { colour, anchors });
    const data = Uint8Array.from({ length: 3 * height * width }, (_, i) => (i * 37 + (i >> 4)) % 256);
    const [logits, codes] = tf.tidy(() => {
      const pixels = tf.tensor4d(Float32Array.from(data), [1, height, width, 3]);
      const x = tf.div(tf.sub(tf.div(pixels, 255), tf.tensor1d(mean)), tf.tensor1d(std));
      return (model.predict(x) as Tensor[]).map((output) => ({ data: output.dataSync() }));
    }) as unknown as [{ data: Float32Array }, { data: Float32Array }];
    const wanted = detectionsOf(logits.data, codes.data, anchors, { height, width });
    const own = await (page.context().browser() as Browser).newPage();
    await own.goto(`${origin}/detector/index.html`);
    await own.locator('#picture:enabled').waitFor();
    const buffer = Buffer.from(encode({ width, height, data, channels: 3 }));
    await own.locator('#picture').setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer });
    await own.waitForFunction('globalThis.detected !== undefined');
    const found = (await own.evaluate('globalThis.detected')) as Detection[];
    expect(found.length).to.be.closeTo(wanted.length, 3);
    // Scores of equal size may change places; the largest differ.
    const scores = (all: readonly Detection[]) => all.slice(0, 20).map(({ score }) => score);
    expectClose(scores(found), scores(wanted), TOLERANCE);
    expectClose(found[0]?.box ?? [], wanted[0]?.box ?? [], TOLERANCE);
    expect(await own.locator('#legend li').allTextContents()).to.deep.equal(notes.classes);
    await own.locator('#share').fill('0');
    const painted = await own.evaluate(
      "(() => { const c = document.getElementById('result'); return [c.width, c.height]; })()",
    );
    expect(painted).to.deep.equal([width, height]);
    await own.close();
    model.dispose();
  });
});
