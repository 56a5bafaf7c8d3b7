/** Networks in a browser, with tfjs and packages/layers alone: the same logits as in Node. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { saveModel } from '@refconv/training';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { startChromium } from './testing/chromium.js';
import { expectClose, images, mergedSegmenter, smallBackbone, TESTED } from './testing/models.js';

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
});
