/** Pages that run a segmenter or a detector in the browser, on pictures that are chosen there. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeWhole } from '@refconv/files';
import { type ModelNotes, saveModel } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import type { PageNotes } from './picture.js';

const BUNDLE = fileURLToPath(new URL('./page.js', import.meta.url));

/** What a page says; of its slider the value at the start too. */
interface Words {
  title: string;
  slider: string;
  value: number;
  shown: string;
}

const html = ({ title, slider, value, shown }: Words) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  canvas { max-width: 100%; }
  ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
  li span { display: inline-block; width: 1em; height: 1em; margin-right: .4em; vertical-align: -.1em; }
</style>
<h1>${title}</h1>
<p><label>Picture: <input id="picture" type="file" accept="image/png,image/jpeg,image/webp" disabled></label>
<label>${slider}: <input id="share" type="range" min="0" max="1" step="0.05" value="${value}"></label></p>
<p id="status" role="status">Loading the network …</p>
<canvas id="result" role="img" aria-label="${shown}"></canvas>
<ul id="legend" aria-label="Classes"></ul>
<script src="page.js"></script>
</html>
`;

const SEGMENTATION: Words = {
  title: 'Segmentation',
  slider: 'Colours',
  value: 0.6,
  shown: 'The picture with the colours of its classes',
};
const DETECTION: Words = {
  title: 'Detection',
  slider: 'Least score',
  value: 0.5,
  shown: 'The picture with the boxes of its objects',
};

export interface PageOptions {
  /** Of each class, in the order of the logits, without a detector's background: red, green and blue from 0 to 255. */
  colour: (label: number) => readonly number[];
  /** Replaces a page that is there. Default: false. */
  replace?: boolean;
}

/**
 * Writes a folder with index.html, the program, and the model. It is to be served, as by `npx http-server DIR`; nothing leaves the browser.
 * @param notes of the model's folder: its normalisation, and its classes' names, must be known.
 * @throws Error where they are not, the model is no segmenter of a fixed size, or the folder exists already.
 * @example
 * ```ts
 * const notes = { mean, std, classes: ['road', 'car'] };
 * await exportSegmenterPage(model, 'page', notes, { colour: (label) => (label ? [255, 0, 0] : [90, 90, 90]) });
 * ```
 */
export async function exportSegmenterPage(
  model: LayersModel,
  folder: string,
  notes: ModelNotes,
  options: PageOptions,
): Promise<void> {
  const [, height, width] = model.inputs[0]?.shape ?? [];
  const classes = model.outputs[0]?.shape.length === 4 ? model.outputs[0].shape[3] : undefined;
  if (!height || !width || !classes)
    throw new Error(
      `${model.name} is no segmenter: a page shows logits [n, height, width, classes] of images of a fixed size.`,
    );
  await writePage(model, folder, notes, { ...options, words: SEGMENTATION, classes });
}

/**
 * The same of a detector.
 * @param options.anchors (x1, y1, x2, y2) of each, in pixels of its input.
 * @throws Error where the model is no detector with these anchors, and as {@link exportSegmenterPage}.
 * @example
 * ```ts
 * import { anchorsOf, buildDetector } from '@refconv/detection';
 * const model = await buildDetector({ backbone: 'mobilenetv1', width: 0.25, classes: 3, inputSize: [96, 96] });
 * const notes = { mean, std, classes: ['disc', 'square'] };
 * await exportDetectorPage(model, 'page', notes, { anchors: anchorsOf(model), colour: () => [255, 0, 0] });
 * ```
 */
export async function exportDetectorPage(
  model: LayersModel,
  folder: string,
  notes: ModelNotes,
  options: PageOptions & { anchors: NonNullable<PageNotes['anchors']> },
): Promise<void> {
  const [, anchors, classes] = model.outputs[0]?.shape ?? [];
  if (model.outputs.length !== 2 || anchors !== options.anchors.length || !classes)
    throw new Error(
      `${model.name} is no detector of ${options.anchors.length} anchors: a page shows logits [n, anchors, classes] and box numbers [n, anchors, 4].`,
    );
  await writePage(model, folder, notes, { ...options, words: DETECTION, classes: classes - 1 });
}

interface Page extends PageOptions, Pick<PageNotes, 'anchors'> {
  words: Words;
  classes: number;
}

async function writePage(
  model: LayersModel,
  folder: string,
  notes: ModelNotes,
  { colour, classes, anchors, words, replace = false }: Page,
): Promise<void> {
  const path = resolve(folder);
  if (existsSync(path) && !replace) throw new Error(`${path} exists already; choose another folder, or remove it.`);
  const { mean, std, transform = '' } = notes;
  if (!mean || !std)
    throw new Error(`${model.name} does not say how its images are normalised, which a page needs: give mean and std.`);
  const names = notes.classes ?? Array.from({ length: classes }, (_, i) => String(i));
  const page: PageNotes = {
    ...{ mean, std, bgr: /(^|\|)bgr\b/.test(transform) },
    classes: names.map((name, label) => ({ name, colour: colour(label) })),
    ...(anchors && { anchors }),
  };
  await writeWhole(path, { replace }, async (unfinished) => {
    await mkdir(unfinished);
    await saveModel(model, join(unfinished, 'model'), notes);
    await writeFile(join(unfinished, 'index.html'), html(words));
    await writeFile(join(unfinished, 'page.json'), JSON.stringify(page));
    await copyFile(BUNDLE, join(unfinished, 'page.js'));
  });
}
