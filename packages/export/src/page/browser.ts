/// <reference lib="dom" />
/** What runs on the page of a segmenter or detector: tfjs, packages/layers and parts of packages/detection. Bundled by `npm run build`. */
// Registers the layers that a model may have.
import '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { detector } from './detect.js';
import type { PageNotes, PageProgram } from './picture.js';
import { segmenter } from './segment.js';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const say = (text: string) => {
  element('status').textContent = text;
};

function legend({ classes }: PageNotes): void {
  for (const { name, colour } of classes) {
    const item = document.createElement('li');
    const swatch = document.createElement('span');
    swatch.style.backgroundColor = `rgb(${colour.join(' ')})`;
    item.append(swatch, name);
    element('legend').append(item);
  }
}

/** Lets pictures be chosen and the slider be moved. */
function start<R>({ run, show }: PageProgram<R>): void {
  let last: { bitmap: ImageBitmap; result: R } | undefined;
  const share = element<HTMLInputElement>('share');
  const draw = () => last && show(element<HTMLCanvasElement>('result'), last.bitmap, last.result, Number(share.value));
  share.addEventListener('input', draw);
  element<HTMLInputElement>('picture').addEventListener('change', async ({ target }) => {
    const [file] = (target as HTMLInputElement).files ?? [];
    if (!file) return;
    try {
      say('…');
      const bitmap = await createImageBitmap(file);
      const begin = performance.now();
      last = { bitmap, result: await run(bitmap) };
      const milliseconds = performance.now() - begin;
      draw();
      say(`${bitmap.width}×${bitmap.height}, ${milliseconds.toFixed(0)} ms by ${tf.getBackend()}`);
    } catch (error) {
      say(`${file.name} cannot be used: ${(error as Error).message}`);
    }
  });
  element<HTMLInputElement>('picture').disabled = false;
}

async function main(): Promise<void> {
  const notes = (await (await fetch('page.json')).json()) as PageNotes;
  const model = await tf.loadLayersModel('model/model.json');
  legend(notes);
  if (notes.anchors) start(detector(model, notes));
  else start(segmenter(model, notes));
  say(`Ready, by ${tf.getBackend()}: choose a picture.`);
}

main().catch((error) =>
  say(
    `The network cannot be loaded: ${(error as Error).message}. The folder must be served, as by \`npx http-server\`.`,
  ),
);
