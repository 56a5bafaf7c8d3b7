/// <reference lib="dom" />
/** What runs on the page of a segmenter: tfjs and packages/layers. Bundled by `npm run build`. */
import { bilinearResize } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

/** Beside the model: how images are prepared, and what the classes are called and look like. */
export interface PageNotes {
  mean: readonly number[];
  std: readonly number[];
  bgr: boolean;
  classes: readonly { name: string; colour: readonly number[] }[];
}

/** Of the picture that was segmented last: the class of each pixel, of its own size. */
export interface Segmented {
  classes: Uint8Array;
  width: number;
  height: number;
  milliseconds: number;
}

declare global {
  var segmented: Segmented | undefined;
}

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const say = (text: string) => {
  element('status').textContent = text;
};

/** Pixels of 0 to 255 as the network takes them: [1, height, width, 3]. */
function prepared(pixels: tf.Tensor3D, { mean, std, bgr }: PageNotes): tf.Tensor4D {
  const scaled = tf.div(tf.sub(tf.div(pixels, 255), tf.tensor1d([...mean])), tf.tensor1d([...std]));
  return tf.expandDims(bgr ? tf.reverse(scaled, 2) : scaled);
}

/** A bitmap drawn at a size. */
function drawn(bitmap: ImageBitmap, width: number, height: number): ImageData {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

async function segment(model: tf.LayersModel, notes: PageNotes, bitmap: ImageBitmap): Promise<Segmented> {
  const { width, height } = bitmap;
  const [, rows = 1, columns = 1] = (model.inputs[0]?.shape ?? []) as number[];
  const begin = performance.now();
  const found = tf.tidy(() => {
    const output = model.predict(prepared(tf.browser.fromPixels(drawn(bitmap, columns, rows)), notes));
    const logits = (Array.isArray(output) ? output[0] : output) as tf.Tensor4D;
    return tf.argMax(bilinearResize(logits, [height, width]), 3);
  });
  const classes = Uint8Array.from(await found.data());
  found.dispose();
  return { classes, width, height, milliseconds: performance.now() - begin };
}

/** The picture with the colours of its classes over it. */
function show(bitmap: ImageBitmap, { classes, width, height }: Segmented, notes: PageNotes, share: number): void {
  const canvas = element<HTMLCanvasElement>('result');
  Object.assign(canvas, { width, height });
  const picture = drawn(bitmap, width, height);
  classes.forEach((label, i) => {
    const colour = notes.classes[label]?.colour ?? [0, 0, 0];
    for (let c = 0; c < 3; c++)
      picture.data[4 * i + c] = (1 - share) * (picture.data[4 * i + c] as number) + share * (colour[c] as number);
  });
  canvas.getContext('2d')?.putImageData(picture, 0, 0);
}

function legend({ classes }: PageNotes): void {
  for (const { name, colour } of classes) {
    const item = document.createElement('li');
    const swatch = document.createElement('span');
    swatch.style.backgroundColor = `rgb(${colour.join(' ')})`;
    item.append(swatch, name);
    element('legend').append(item);
  }
}

async function main(): Promise<void> {
  const notes = (await (await fetch('page.json')).json()) as PageNotes;
  const model = await tf.loadLayersModel('model/model.json');
  legend(notes);
  let last: { bitmap: ImageBitmap; result: Segmented } | undefined;
  const share = element<HTMLInputElement>('share');
  const draw = () => last && show(last.bitmap, last.result, notes, Number(share.value));
  share.addEventListener('input', draw);
  element<HTMLInputElement>('picture').addEventListener('change', async ({ target }) => {
    const [file] = (target as HTMLInputElement).files ?? [];
    if (!file) return;
    try {
      say('…');
      const bitmap = await createImageBitmap(file);
      const result = await segment(model, notes, bitmap);
      last = { bitmap, result };
      draw();
      globalThis.segmented = result;
      say(`${result.width}×${result.height}, ${result.milliseconds.toFixed(0)} ms by ${tf.getBackend()}`);
    } catch (error) {
      say(`${file.name} cannot be segmented: ${(error as Error).message}`);
    }
  });
  element<HTMLInputElement>('picture').disabled = false;
  say(`Ready, by ${tf.getBackend()}: choose a picture.`);
}

main().catch((error) =>
  say(
    `The network cannot be loaded: ${(error as Error).message}. The folder must be served, as by \`npx http-server\`.`,
  ),
);
