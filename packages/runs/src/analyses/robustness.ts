/** How large an attack a run's final network withstands, merged where it has a method; on a share of the test images, or all. */
import { attacker, runRobustness } from '@refconv/analysis';
import { takeImages } from '@refconv/datasets';
import { loadModel } from '@refconv/training';
import { loadData } from '../data.js';
import { MERGED, MODEL } from '../folder.js';
import { finishedModel } from '../network.js';
import type { Hash } from '../spec.js';
import type { Analyse } from './analyse.js';

/** Images between two lines of the log. */
const LOGGED = 50;

/** Writes robustness.csv, of parts robustness-1-of-2.csv and so on; its table is made of all parts' images. */
export const analyseRobustness: Analyse<'robustness'> = async ({ root, folder, spec, analysis, signal, log }) => {
  const { attack, steps, start, eps, bisections, images, part } = analysis;
  const { model } = await loadModel(finishedModel(root, spec.from as Hash, [MERGED, MODEL]));
  try {
    const { data, mean, std } = await loadData(spec.data);
    const split = images === null ? data.test : takeImages(data.test, images, 'first');
    const program = attacker(model, { mean, std });
    try {
      const finished = await runRobustness({
        ...{ folder, attacker: program, split, eps, bisections, part, signal, settings: {} },
        attack: { attack, steps, ...(start === 'random' && { start: spec.seed }) },
        onImage: (done, all) => {
          if (done % LOGGED === 0 || done === all) log(`${done} of ${all} images`);
        },
      });
      return finished ? [] : undefined;
    } finally {
      program.dispose();
    }
  } finally {
    model.dispose();
  }
};
