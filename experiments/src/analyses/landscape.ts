/** The loss landscape of a network: one process does it, or several each a part; all can be stopped and started again. */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { lossSurface, parsePart, randomDirection, runLandscape, sharpness } from '@refconv/analysis';
import { takeImages } from '@refconv/datasets';
import { loadModel } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { startData } from '../start/data.js';
import { main } from './output.js';

const HELP = `node experiments/dist/analyses/landscape.js --model DIR --output DIR [options]
The model is a plain or a merged network. The same seed gives a baseline and a merged network the same directions.
  --points N or NX,NY   21       --range R   1: from -R to R
  --images N            1000 training images     --seed N   1     --slice   along x alone
  --part i/n            a share of the points, for an array of jobs: all parts may write to the same folder`;

main(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      output: { type: 'string' },
      points: { type: 'string', default: '21' },
      range: { type: 'string', default: '1' },
      images: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      slice: { type: 'boolean', default: false },
      part: { type: 'string', default: '1/1' },
      help: { type: 'boolean', default: false },
    },
  });
  const { model: folder, output } = values;
  if (values.help || !folder || !output) {
    if (!values.help) process.exitCode = 1;
    console.log(HELP);
    return;
  }
  const part = parsePart(values.part);
  const [nx, ny = nx] = values.points.split(',').map(Number) as [number, number?];
  const range = [-Number(values.range), Number(values.range)] as const;
  const grid = values.slice
    ? ({ x: range, y: [0, 0], points: [nx, 1] } as const)
    : ({ x: range, y: range, points: [nx, ny] } as const);
  const [count, seed] = [Number(values.images), Number(values.seed)];

  const { model, notes } = await loadModel(folder);
  const given = await startData({ images: count, download: false, log: console.log });
  const { mean, std } = { mean: notes.mean ?? given.mean, std: notes.std ?? given.std };
  const images = takeImages(given.data.train, count, 'at random');
  const surface = lossSurface(model, [randomDirection(model, seed, 'x'), randomDirection(model, seed, 'y')], images, {
    mean,
    std,
  });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const begin = performance.now();
  const points = await runLandscape({
    folder: output,
    grid,
    part,
    settings: { weights: weightsHash(model), data: given.data.name, images: count, seed },
    evaluate: surface.at,
    signal: stop.signal,
    onPoint: ({ x, y, loss }, done, all) => {
      const seconds = (performance.now() - begin) / 1000 / done;
      console.log(`${done}/${all}: (${x}, ${y}) loss ${loss.toFixed(4)}, ${seconds.toFixed(2)} s a point`);
    },
  });
  surface.dispose();
  if (points.some(({ x, y }) => x === 0 && y === 0)) console.log(JSON.stringify(sharpness(points), undefined, 2));
});

function weightsHash(model: LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of model.getWeights())
    hash.update(new Uint8Array((weight.dataSync() as Float32Array).slice().buffer));
  return hash.digest('hex').slice(0, 16);
}
