/** The loss landscape of a run's final network, merged where it has a method; a share of its points, or all. */
import { disposeDirection, lossSurface, randomDirection, runLandscape } from '@refconv/analysis';
import type { ImageSplit } from '@refconv/datasets';
import { loadModel } from '@refconv/training';
import { loadData } from '../data.js';
import { MERGED, MODEL } from '../folder.js';
import { finishedModel } from '../network.js';
import type { Hash } from '../spec.js';
import type { Analyse } from './analyse.js';

/** Writes points.csv, of parts points-1-of-2.csv and so on, point by point; its table is made of all parts' points. */
export const analyseLandscape: Analyse<'landscape'> = async ({ root, folder, spec, analysis, signal, log }) => {
  const { points, range, part } = analysis;
  const { seed } = spec;
  const { model } = await loadModel(finishedModel(root, spec.from as Hash, [MERGED, MODEL]));
  const { data, mean, std } = await loadData(spec.data);
  const images = first(data.train, analysis.images);
  const directions = [randomDirection(model, seed, 'x'), randomDirection(model, seed, 'y')] as const;
  const surface = lossSurface(model, directions, images, { mean, std });
  const begin = performance.now();
  let secondsAPoint = Number.NaN;
  try {
    await runLandscape({
      folder,
      grid: { x: [-range, range], points: [points, points] },
      part,
      settings: { seed },
      evaluate: surface.at,
      signal,
      onPoint: ({ x, y, loss }, done, all) => {
        secondsAPoint = (performance.now() - begin) / 1000 / done;
        log(`${done} of ${all}: (${x}, ${y}) loss ${loss.toFixed(4)}, ${secondsAPoint.toFixed(2)} s a point`);
      },
    });
  } finally {
    surface.dispose();
    directions.forEach(disposeDirection);
    model.dispose();
  }
  if (signal?.aborted) return undefined;
  // Of this process: an earlier one may have done some of the points, or all.
  return Number.isNaN(secondsAPoint) ? [] : [{ seconds_a_point: secondsAPoint }];
};

/** Pictures of real sets come in random order, the same one for every run. */
function first(split: ImageSplit, count: number | null): ImageSplit {
  if (count === null || count === split.count) return split;
  if (count > split.count)
    throw new Error(`The landscape is to be of ${count} images; the run was trained on ${split.count}.`);
  const size = split.height * split.width * split.channels;
  return { ...split, images: split.images.slice(0, count * size), labels: split.labels.slice(0, count), count };
}
